
mod forward; // what refuses a start-up of the forwarder
