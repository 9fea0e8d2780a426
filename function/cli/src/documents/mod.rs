//! YAML documents of the files that a user passes on the command line, with the line of every field, and the faults in
//! these files.

pub mod fault;
pub mod object;
pub mod read;
