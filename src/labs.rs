//! The labs: one folder per published system other than the glitch scan.
