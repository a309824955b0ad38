//! What the images of this board share.

#![no_std]

#[cfg(feature = "ble")]
pub mod controller;
