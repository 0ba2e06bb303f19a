//! Each condition, order, and random rules against a matcher that is plainly right.
