
mod authorize; // what refuses a policy folder, what denies, and what a deny says
mod policies; // the shipped policy folder loads, passes its cases and lacks none
