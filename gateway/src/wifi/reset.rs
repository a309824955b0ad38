//! What can be done about a radio that no longer hears, besides making its interface anew: its driver bound again, its
//! USB device reset.
//!
//! The driver is bound through `/sys`, which root may write and a hardened service may not. A USB device is reset through
//! `/dev/bus/usb`, which a udev rule opens to the service (`systemd/edge-agent.rules`).
#![allow(unsafe_code)] // one ioctl

use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

/// The device behind a radio, remembered while it was there: a radio that is gone cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its folder under `/sys/devices`.
    path: PathBuf,
    /// The folder of its driver.
    driver: Option<PathBuf>,
    /// Its node under `/dev/bus/usb`, if it is a USB device.
    usb: Option<PathBuf>,
}

mod ioctl {
    // USBDEVFS_RESET of linux/usbdevice_fs.h.
    nix::ioctl_none!(usb_reset, b'U', 20);
}

impl Device {
    /// Behind the radio of this name (`phy0`), or the Bluetooth adapter (`hci0`).
    pub fn of(class: &str, name: &str) -> Option<Self> {
        Self::at(&fs::canonicalize(format!("/sys/class/{class}/{name}/device")).ok()?)
    }

    fn at(path: &Path) -> Option<Self> {
        let number = |folder: &Path, file| -> Option<u16> {
            fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok()
        };
        let usb = path.ancestors().find_map(|folder| {
            let (bus, device) = (number(folder, "busnum")?, number(folder, "devnum")?);
            Some(PathBuf::from(format!("/dev/bus/usb/{bus:03}/{device:03}")))
        });
        let driver = fs::canonicalize(path.join("driver")).ok();
        Some(Self { path: path.to_owned(), driver, usb })
    }

    /// Whether it is a USB device.
    pub fn is_usb(&self) -> bool {
        self.usb.is_some()
    }

    /// Takes the driver off the device and puts it on again.
    pub fn rebind(&self) -> io::Result<()> {
        let driver = self.driver.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let name = self.path.file_name().ok_or(io::ErrorKind::NotFound)?.as_encoded_bytes();
        fs::write(driver.join("unbind"), name)?;
        fs::write(driver.join("bind"), name)
    }

    /// As if it were pulled out and put back.
    pub fn reset_usb(&self) -> io::Result<()> {
        let node = self.usb.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let device = OpenOptions::new().write(true).open(node)?;
        // SAFETY: the file is open, and the request takes no argument.
        unsafe { ioctl::usb_reset(device.as_raw_fd()) }?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_is_taken_off_the_device_and_put_on_again() {
        let dir = tempfile::tempdir().unwrap();
        let (interface, driver) = (dir.path().join("1-1:1.0"), dir.path().join("btusb"));
        fs::create_dir_all(&interface).unwrap();
        fs::create_dir_all(&driver).unwrap();
        std::os::unix::fs::symlink("../btusb", interface.join("driver")).unwrap();
        Device::at(&interface).unwrap().rebind().unwrap();
        for file in ["unbind", "bind"] {
            assert_eq!(fs::read_to_string(driver.join(file)).unwrap(), "1-1:1.0");
        }
    }

    #[test]
    fn the_usb_device_is_the_nearest_above() {
        let dir = tempfile::tempdir().unwrap();
        let port = dir.path().join("usb1/1-1");
        let interface = port.join("1-1:1.0");
        fs::create_dir_all(&interface).unwrap();
        fs::write(port.join("busnum"), "1\n").unwrap();
        fs::write(port.join("devnum"), "12\n").unwrap();
        let device = Device::at(&interface).unwrap();
        assert_eq!(device.usb.as_deref(), Some(Path::new("/dev/bus/usb/001/012")));
        let other = Device::at(dir.path()).unwrap();
        assert!(!other.is_usb() && other.rebind().is_err() && other.reset_usb().is_err());
    }
}
