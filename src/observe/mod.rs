//! Numbers and lines; knows names and units, not requests.
