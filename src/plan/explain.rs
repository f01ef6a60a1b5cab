//! A plan as text for people: which route would serve a request, and why.
