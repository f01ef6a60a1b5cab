//! From snapshot to plan: pure, total, all errors at once.
