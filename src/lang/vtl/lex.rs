//! Text to tokens, with Velocity's lexical states.
//!
//! The same characters are different tokens inside of a reference, a directive, a method call or
//! plain text, and blanks and line ends belong to some tokens and not to others. The longest token
//! wins, then the one that is listed first.
//!
//! ```text
//!   Plain ──$──▶ Reference ──.x──▶ Modifier ──(──▶ Arguments ──)──▶ Reference
//!     │              └──[──▶ Index ──]──▶ back
//!     └──#──▶ Hash ──if, word──▶ Directive ──)──▶ back
//! ```

use super::ParseError;
use super::rule::{Rule, State, rules};
use super::token::{Kind, Token};

/// A state to come back to, and how many parentheses were open in it.
#[derive(Clone, Copy, Debug)]
struct Frame {
    state: State,
    opened: usize,
    closed: usize,
}

/// States on the stack, more than any template needs.
const STACK_MAX: usize = 10_000;

pub struct Lexer<'t> {
    pub text: &'t str,
    pub at: usize,
    state: State,
    stack: Vec<Frame>,
    opened: usize,
    closed: usize,
    in_comment: bool,
    pub in_set: bool,
}

impl<'t> Lexer<'t> {
    pub fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            state: State::Plain,
            stack: Vec::new(),
            opened: 0,
            closed: 0,
            in_comment: false,
            in_set: false,
        }
    }

    /// The next token.
    ///
    /// # Errors
    /// A character that begins nothing here, or a text that ends in the middle of a token.
    pub fn next(&mut self) -> Result<Token, ParseError> {
        let mut special = Vec::new();
        loop {
            let start = self.at;
            if start == self.text.len() {
                return Ok(Token {
                    kind: Kind::End,
                    range: start..start,
                    special,
                });
            }
            let (kind, end) = self.token()?;
            match kind {
                Kind::Skip => {}
                Kind::Terminator => special.push(start..end),
                // What got caught before a dot is lost.
                Kind::Dot => {
                    return Ok(Token {
                        kind,
                        range: end - 1..end,
                        special,
                    });
                }
                _ => {
                    return Ok(Token {
                        kind,
                        range: start..end,
                        special,
                    });
                }
            }
        }
    }

    /// One token with all that began it. Returns where its text ends, which may be behind `at`.
    fn token(&mut self) -> Result<(Kind, usize), ParseError> {
        loop {
            let Some((rule, length)) = self.longest() else {
                let what = match self.text[self.at..].chars().next() {
                    Some(c) => format!("unexpected `{}`", c.escape_debug()),
                    None => "unexpected end of the template".to_owned(),
                };
                return Err(ParseError::at(self.text, self.at, what));
            };
            if self.stack.len() > STACK_MAX {
                return Err(ParseError::at(
                    self.text,
                    self.at,
                    "too deeply nested".to_owned(),
                ));
            }
            self.at += length;
            let end = self.act(rule);
            if rule.kind() != Kind::More {
                return Ok((rule.kind(), end));
            }
        }
    }

    fn longest(&self) -> Option<(Rule, usize)> {
        let rest = &self.text.as_bytes()[self.at..];
        let mut best: Option<(Rule, usize)> = None;
        for &rule in rules(self.state).into_iter().flatten() {
            let length = rule.length(&self.text[self.at..], rest);
            if length > best.map_or(0, |(_, length)| length) {
                best = Some((rule, length));
            }
        }
        best
    }

    /// Changes the state after `rule` matched; returns where the token's text ends.
    fn act(&mut self, rule: Rule) -> usize {
        let mut end = self.at;
        match rule {
            Rule::IndexOpen => {
                self.push();
                self.state = State::Index;
            }
            Rule::IndexClose | Rule::CurlyClose => self.pop_always(),
            Rule::ParenOpen => {
                self.opened += 1;
                if self.state == State::Modifier {
                    self.state = State::Arguments;
                }
            }
            Rule::ParenClose => self.close_parenthesis(),
            Rule::MethodClose => self.state = State::Reference,
            Rule::Set if !self.in_comment => {
                self.push();
                self.in_set = true;
                self.state = State::Directive;
                self.opened += 1;
            }
            Rule::Dollar | Rule::DollarBang if !self.in_comment => {
                if self.state == State::Reference {
                    self.pop_always();
                }
                self.push();
                self.state = State::Reference;
            }
            Rule::RawOpen => self.comment(State::Raw),
            Rule::FormalOpen => {
                // The character behind `#**` only says that this is no `#**#`.
                if !self.in_comment {
                    self.back_one_character();
                }
                self.comment(State::FormalComment);
            }
            Rule::BlockOpen => self.comment(State::BlockComment),
            Rule::Hash if !self.in_comment => self.begin_directive(),
            Rule::LineComment if !self.in_comment => {
                if self.state == State::Reference {
                    self.pop_always();
                }
                self.comment(State::LineComment);
            }
            Rule::LineCommentEnd | Rule::CommentClose | Rule::RawClose => {
                self.in_comment = false;
                self.pop_always();
            }
            Rule::EndDirective | Rule::Else => self.pop_always(),
            Rule::If | Rule::ElseIf => self.state = State::Directive,
            Rule::Quoted | Rule::Integer | Rule::Float => end = self.after_literal(rule),
            Rule::Dot => {
                self.at -= 1;
                end = self.at;
                self.state = State::Modifier;
            }
            Rule::Terminator => {
                self.back_one_character();
                self.pop_always();
            }
            _ => {}
        }
        end
    }

    /// A literal outside of parentheses ends a directive.
    fn after_literal(&mut self, rule: Rule) -> usize {
        // The two dots behind an integer belong to a range.
        if rule == Rule::Integer && self.text[..self.at].ends_with("..") {
            self.at -= 2;
        }
        let stays = match rule {
            Rule::Quoted => self.state != State::Directive,
            Rule::Integer => matches!(self.state, State::Arguments | State::Index),
            _ => self.state == State::Arguments,
        };
        if !stays && self.opened == 0 && !self.in_set {
            self.pop_always();
        }
        self.at
    }

    fn begin_directive(&mut self) {
        if matches!(self.state, State::Reference | State::Modifier) {
            self.pop_always();
        }
        self.push();
        self.state = State::Hash;
    }

    fn comment(&mut self, state: State) {
        if !self.in_comment {
            self.in_comment = true;
            self.push();
            self.state = state;
        }
    }

    fn back_one_character(&mut self) {
        let last = self.text[..self.at].chars().next_back();
        self.at -= last.map_or(0, char::len_utf8);
    }

    fn push(&mut self) {
        self.stack.push(Frame {
            state: self.state,
            opened: self.opened,
            closed: self.closed,
        });
        self.opened = 0;
    }

    /// Back to the state before; `false` at the bottom, which is plain text.
    pub fn pop(&mut self) -> bool {
        match self.stack.pop() {
            Some(frame) => {
                self.opened = frame.opened;
                self.closed = frame.closed;
                self.state = frame.state;
                true
            }
            None => {
                self.opened = 0;
                self.state = State::Plain;
                false
            }
        }
    }

    fn pop_always(&mut self) {
        let _ = self.pop();
    }

    /// The parser has seen the name of a directive and wants its arguments.
    pub fn enter_directive(&mut self) {
        self.state = State::Directive;
    }

    /// Drops to the state below the one in which the parenthesis was opened.
    fn close_parenthesis(&mut self) {
        if self.in_comment {
            return;
        }
        loop {
            if self.opened > 0 {
                if self.opened == self.closed + 1 {
                    self.pop_always();
                } else {
                    self.closed += 1;
                }
                return;
            }
            if !self.pop() {
                return;
            }
        }
    }
}
