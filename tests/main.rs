
mod policies; // the shipped policy folder loads, passes its cases and lacks none
