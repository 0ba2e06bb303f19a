//! TCP payload put in order.
