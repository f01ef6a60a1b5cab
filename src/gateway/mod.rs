//! The data plane: runs a plan, never sees a model.
