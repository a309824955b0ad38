//! The parts of QEMU's `virt` machine that a node needs (QEMU, `hw/riscv/virt.c`).

use core::convert::Infallible;
use embedded_hal::digital::{ErrorType, OutputPin};
use sensor_node::{Board, Line};

const UART: usize = 0x1000_0000;
/// Machine timer of the CLINT, 10 MHz.
const MTIME: usize = 0x0200_bff8;
/// SiFive test finisher: what is written here ends or restarts the machine.
const FINISHER: usize = 0x0010_0000;
const PASS: u32 = 0x5555;
const RESET: u32 = 0x7777;
/// Status 1, in the upper half.
pub const CRASHED: u32 = 0x1_3333;

/// Line status of the 16550: a byte came, and there is room for one.
const CAME: u8 = 0x01;
const ROOM: u8 = 0x20;

fn byte(offset: usize) -> *mut u8 {
    (UART + offset) as *mut u8
}

/// The machine as a board.
pub struct Machine;

impl Board for Machine {
    fn tune(&mut self, _: u8) {}

    fn listen_ble(&mut self, _: bool) {}

    fn memory_free(&self) -> u32 {
        0
    }

    fn restart(&mut self) {
        power_off(RESET)
    }

    fn exit(&mut self) {
        power_off(PASS)
    }
}

/// Ends the machine, or starts it anew.
pub fn power_off(how: u32) -> ! {
    // SAFETY: the finisher's register, which QEMU maps at this address.
    unsafe { (FINISHER as *mut u32).write_volatile(how) };
    loop {
        core::hint::spin_loop();
    }
}

/// µs since the machine started.
pub fn now_us() -> u64 {
    let half = |offset: usize| {
        // SAFETY: the CLINT's timer, which QEMU maps at this address; reading changes nothing.
        unsafe { ((MTIME + offset) as *const u32).read_volatile() }
    };
    loop {
        let high = half(4);
        let low = half(0);
        if half(4) == high {
            return (u64::from(high) << 32 | u64::from(low)) / 10;
        }
    }
}

/// A 16550, polled.
pub struct Uart;

impl Uart {
    /// Eight bits, no parity, with its queue on.
    pub fn start() -> Self {
        // SAFETY: the UART's registers, which QEMU maps at this address and nothing else here touches.
        unsafe {
            byte(3).write_volatile(3);
            byte(2).write_volatile(1);
        }
        Self
    }

    fn status() -> u8 {
        // SAFETY: as in `start`.
        unsafe { byte(5).read_volatile() }
    }
}

impl embedded_io::ErrorType for Uart {
    type Error = Infallible;
}

impl embedded_io::ReadReady for Uart {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(Self::status() & CAME != 0)
    }
}

impl embedded_io::Read for Uart {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        let Some(first) = buf.first_mut() else { return Ok(0) };
        while Self::status() & CAME == 0 {}
        // SAFETY: as in `start`.
        *first = unsafe { byte(0).read_volatile() };
        Ok(1)
    }
}

impl embedded_io::Write for Uart {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        for out in buf {
            while Self::status() & ROOM == 0 {}
            // SAFETY: as in `start`.
            unsafe { byte(0).write_volatile(*out) };
        }
        Ok(buf.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        while Self::status() & ROOM == 0 {}
        Ok(())
    }
}

impl Line for Uart {
    /// QEMU's serial lines have no rate.
    fn set_baud(&mut self, _: u32) -> bool {
        true
    }
}

/// No lamp.
pub struct Lamp;

impl ErrorType for Lamp {
    type Error = Infallible;
}

impl OutputPin for Lamp {
    fn set_low(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
