//! A sensor node without radios, on QEMU's `virt` machine: what it hears is made up by test commands, everything behind
//! that is what runs on a wall.
//!
//! ```text
//! qemu-system-riscv32 -M virt -bios none -display none -chardev pty,id=line -serial chardev:line -kernel virt-riscv
//! ```

#![no_std]
#![no_main]

mod machine;

use machine::{Lamp, Machine, Uart};
use sensor_node::wire::Reset;
use sensor_node::{Identity, Node};

/// Reports that may wait for the line.
const QUEUE: usize = 256;

#[riscv_rt::entry]
fn main() -> ! {
    let mut machine = Machine;
    let identity = Identity {
        // Locally administered: no such chip was ever made.
        node: [0x02, 0, 0, 0, 0, 0x01],
        firmware: sensor_node::version(),
        reset: Reset::Power,
        wifi: true,
        ble: true,
    };
    let mut node: Node<Uart, Lamp, QUEUE> = Node::new(identity, Uart::start(), Lamp);
    node.start(machine::now_us(), &mut machine);
    loop {
        node.turn(machine::now_us(), &mut machine);
    }
}

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    machine::power_off(machine::CRASHED)
}
