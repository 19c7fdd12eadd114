//! Compiler and deployer.
