//! The tests of gatecrash itself, through what it shows to others: its commands, its library, its messages.

// What is printed here is for whoever runs the tests.
#![allow(clippy::disallowed_macros)]
// Nobody reaches into a test.
#![allow(unreachable_pub)]

mod action;
mod adapters;
mod answers;
mod bisect;
mod cache;
mod commands;
mod corpus;
mod docker;
mod environment;
mod evidence;
mod examples;
mod failures;
mod faults;
mod from_git;
mod fuzz;
mod interrupts;
mod kept;
mod killed;
mod layers;
mod lines;
mod load;
mod matrix;
mod merge;
mod minimize;
mod mistakes;
mod own;
mod page;
mod process;
mod release;
mod reports;
mod reproduce;
mod secrets;
mod support;
mod upgrade;
mod upstream;
mod walkthrough;

use support::{answer, case, gatecrash, write};
