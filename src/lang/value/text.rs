//! Texts that are made on the way and live as long as the request.

use std::cell::{Cell, OnceCell};

/// What keeping a text takes beside its bytes.
pub const TEXT_BYTES: usize = 48;

/// Places in the first row; each further row has twice as many.
const FIRST_ROW: usize = 8;

const ROWS: usize = 28;

/// Texts that nothing else owns. Values borrow them as they borrow from a body or a template, so that
/// nothing has to be counted when a value is copied or dropped.
#[derive(Debug, Default)]
pub struct Texts {
    /// A row never grows, so what lies in it stays where it is.
    rows: [OnceCell<Box<[OnceCell<String>]>>; ROWS],
    count: Cell<usize>,
    bytes: Cell<usize>,
}

impl Texts {
    pub fn new() -> Self {
        Self::default()
    }

    /// What all texts so far take.
    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// Keeps a text to the end.
    pub fn keep(&self, text: String) -> &str {
        if text.is_empty() {
            return "";
        }
        let place = FIRST_ROW + self.count.get();
        self.count.set(self.count.get() + 1);
        self.bytes.set(self.bytes.get() + TEXT_BYTES + text.len());
        let row = (place / FIRST_ROW).ilog2() as usize;
        let length = FIRST_ROW << row;
        let places = self.rows[row].get_or_init(|| (0..length).map(|_| OnceCell::new()).collect());
        places[place - length].get_or_init(|| text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_while_others_come() {
        let texts = Texts::new();
        let kept: Vec<&str> = (0..1000)
            .map(|number| texts.keep(number.to_string()))
            .collect();
        for (number, text) in kept.iter().enumerate() {
            assert_eq!(*text, number.to_string());
        }
        assert_eq!(texts.keep(String::new()), "");
    }
}
