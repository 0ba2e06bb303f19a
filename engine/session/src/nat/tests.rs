//! Pools under load, over commits and shared by two devices.
