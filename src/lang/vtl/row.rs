//! Rows of texts and plain references, which most of a template is.

use super::run::{Engine, Halt};
use super::tree::{Member, Piece};
use crate::lang::value::{Number, ReadMap, Value};

const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

impl<'a> Engine<'a, '_> {
    /// Most values are texts and small numbers that are already there, members of one map.
    #[inline(never)]
    pub(super) fn row(&mut self, pieces: &'a [Piece], out: &mut String) -> Result<(), Halt> {
        let may_look = self.may_look();
        // The map that members were last looked for in, and the variable that has it.
        let mut here = (usize::MAX, ReadMap::NONE);
        for piece in pieces {
            let Some(member) = &piece.member else {
                append(out, &piece.before, "");
                continue;
            };
            let mut value = None;
            if may_look && let Some(property) = &member.property {
                if here.0 != member.slot {
                    here = (member.slot, self.read_map(member.slot));
                }
                let hint = self.hints.get(property.number);
                value = hint.and_then(|hint| self.heap.hinted_in(here.1, hint));
            }
            if value.is_none() && may_look {
                value = self.member(member);
            }
            // One after the other: that takes less than to find out which of all it is.
            if let Some(Value::Text(text)) = value {
                append(out, &piece.before, text);
                self.fits(out)?;
            } else if let Some(Value::Number(Number::Int(digit @ 0..=9))) = value {
                let digit = DIGITS.get(*digit as usize);
                append(out, &piece.before, digit.copied().unwrap_or_default());
            } else {
                out.push_str(&piece.before);
                self.print_member(member, out)?;
                // What is printed may have changed the variable.
                here = (usize::MAX, ReadMap::NONE);
            }
        }
        Ok(())
    }

    /// The map a variable has, if it is one as it was read.
    fn read_map(&self, slot: usize) -> ReadMap {
        match self.slots.get(slot) {
            Some(Some(Value::Map(id))) => self.heap.read_map(*id),
            _ => ReadMap::NONE,
        }
    }

    #[inline(never)]
    pub(super) fn print_member(
        &mut self,
        member: &'a Member,
        out: &mut String,
    ) -> Result<(), Halt> {
        match self.member(member) {
            Some(Value::Number(number @ Number::Int(_))) if self.may_look() => number.print(out),
            _ => self.print_reference(&member.reference, out)?,
        }
        self.fits(out)
    }
}

/// Appends two texts, most of which are short: room is asked for once, and few take a call.
#[inline(always)]
fn append(out: &mut String, first: &str, second: &str) {
    out.reserve(first.len() + second.len());
    // SAFETY: there is room for both behind what is there, which nothing else points to; and two texts
    // behind a text are a text.
    unsafe {
        let bytes = out.as_mut_vec();
        let end = bytes.as_mut_ptr().add(bytes.len());
        copy(first.as_bytes(), end);
        copy(second.as_bytes(), end.add(first.len()));
        bytes.set_len(bytes.len() + first.len() + second.len());
    }
}

/// Copies bytes, short ones in two parts that overlap.
///
/// # Safety
/// At `to` there is room for them, apart from them.
#[inline(always)]
unsafe fn copy(from: &[u8], to: *mut u8) {
    // SAFETY: as the caller's.
    unsafe {
        if ends::<16>(from, to) || ends::<8>(from, to) || ends::<4>(from, to) {
            return;
        }
        match from {
            [byte] => to.write(*byte),
            _ => to.copy_from_nonoverlapping(from.as_ptr(), from.len()),
        }
    }
}

/// Copies the first and the last `N` bytes where that is all of them.
///
/// # Safety
/// As of `copy`.
#[inline(always)]
unsafe fn ends<const N: usize>(from: &[u8], to: *mut u8) -> bool {
    let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else {
        return false;
    };
    if from.len() > 2 * N {
        return false;
    }
    // SAFETY: both parts are inside of what is copied, and so is where they go.
    unsafe {
        to.cast::<[u8; N]>().write_unaligned(*first);
        let behind = to.add(from.len() - N);
        behind.cast::<[u8; N]>().write_unaligned(*last);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::append;

    #[test]
    fn two_texts_of_any_length_are_appended() {
        let text = "abcdefghijklmnopqrstuvwxyz äöü ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let parts: Vec<&str> = (0..=text.len()).filter_map(|end| text.get(..end)).collect();
        for first in &parts {
            for second in &parts {
                let mut out = "#".to_owned();
                append(&mut out, first, second);
                append(&mut out, second, first);
                assert_eq!(out, ["#", first, second, second, first].concat());
            }
        }
    }
}
