//! The tests of gatecrash itself, through what it shows to others: its commands, its library, its messages.

// What is printed here is for who runs the tests.
#![allow(clippy::disallowed_macros)]
// Nobody reaches into a test.
#![allow(unreachable_pub)]

#[cfg(unix)]
mod action;
mod adapters;
mod bisect;
mod cache;
mod commands;
mod corpus;
#[cfg(unix)]
mod docker;
#[cfg(unix)]
mod environment;
mod evidence;
mod failures;
mod faults;
mod from_git;
mod fuzz;
#[cfg(unix)]
mod interrupts;
#[cfg(unix)]
mod kept;
#[cfg(unix)]
mod killed;
mod layers;
mod lines;
mod load;
mod matrix;
mod merge;
mod minimize;
mod mistakes;
mod page;
mod process;
mod reports;
mod reproduce;
mod secrets;
mod support;
mod upstream;
#[cfg(unix)]
mod walkthrough;

use support::{answer, case, gatecrash, write};
