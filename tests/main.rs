
mod resolve; // every operation matches its own template, and no spelling reaches another
mod reasons; // every reason has an answer in every form
