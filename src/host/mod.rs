//! This process and the machine around it: the one way out, how a command ends, interruptions, and the stage on which a
//! command runs. It knows nothing of gateways.

pub mod console;
pub mod failure;
pub mod gate;
pub mod interrupts;
pub mod stage;
