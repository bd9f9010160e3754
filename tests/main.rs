
mod resolve; // every operation matches its own template, and no spelling reaches another
