//! Frames between sensor node and gateway. The link itself comes with live sensing.
