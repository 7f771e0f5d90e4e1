//! Finds operands between the tokens of a statement, by their words and parentheses.

use std::ops::Range;

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Most operands of a statement that are remembered.
const OPERANDS_MAX: usize = 1000;

/// Functions whose arguments are to be of one type.
const OF_ONE_TYPE: [&str; 3] = ["COALESCE", "GREATEST", "LEAST"];

/// Tests of what is true or false.
const TESTS: [&str; 6] =
    ["IS TRUE", "IS FALSE", "IS UNKNOWN", "IS NOT TRUE", "IS NOT FALSE", "IS NOT UNKNOWN"];

/// An operand.
pub(super) struct Found {
    pub(super) of: &'static str,
    pub(super) group: usize,
    /// Its place among those of its group, as PostgreSQL looks at them.
    pub(super) rank: usize,
    pub(super) tokens: Range<usize>,
}

/// Reads tokens from left to right.
pub(super) struct Reader<'a> {
    tokens: &'a [TokenWithSpan],
    frames: Vec<Frame>,
    groups: usize,
    found: Vec<Found>,
}

/// What is open around a token: the statement, parentheses, brackets or CASE.
#[derive(Default)]
struct Frame {
    /// The operands in it that commas or words part from each other.
    list: Option<List>,
    /// Where the operand began that is open.
    item: Option<usize>,
    is_case: bool,
    /// The columns of its queries, one list for each SELECT.
    columns: Vec<Vec<Range<usize>>>,
    in_columns: bool,
    set_operator: Option<&'static str>,
    /// The group of the first column of VALUES.
    values: Option<usize>,
    /// Where the operand of AND or OR began that ends next, and of which of them it is one already.
    condition: usize,
    junction: Option<&'static str>,
    in_between: bool,
}

#[derive(Clone, Copy)]
struct List {
    of: &'static str,
    group: usize,
    rank: usize,
    /// Whether each operand is of the next group, as the cells of a row are.
    is_row: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn of(tokens: &'a [TokenWithSpan]) -> Self {
        Self { tokens, frames: vec![Frame::default()], groups: 0, found: Vec::new() }
    }

    pub(super) fn read(mut self) -> Vec<Found> {
        for (at, token) in self.tokens.iter().enumerate() {
            match &token.token {
                Token::LParen => self.open_parenthesis(at),
                Token::LBracket => {
                    let list = self.is_word(at, "ARRAY").then(|| self.list("ARRAY"));
                    self.open(at, list);
                }
                Token::RParen | Token::RBracket => self.close(at),
                Token::Comma => self.comma(at),
                Token::Word(word) if word.quote_style.is_none() => self.word(at, word.keyword),
                _ => {}
            }
            if self.found.len() >= OPERANDS_MAX {
                return self.found;
            }
        }
        while !self.frames.is_empty() {
            self.close(self.tokens.len());
        }
        self.found
    }

    /// Whether the token before `at` is this word.
    fn is_word(&self, at: usize, word: &str) -> bool {
        let before = at.checked_sub(1).and_then(|before| self.tokens.get(before));
        before.is_some_and(|token| {
            matches!(&token.token, Token::Word(found)
            if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
        })
    }

    fn list(&mut self, of: &'static str) -> List {
        self.groups += 1;
        List { of, group: self.groups, rank: 0, is_row: false }
    }

    fn open(&mut self, at: usize, list: Option<List>) {
        let item = list.is_some().then_some(at + 1);
        self.frames.push(Frame { list, item, condition: at + 1, ..Frame::default() });
    }

    fn open_parenthesis(&mut self, at: usize) {
        if let Some(of) = OF_ONE_TYPE.into_iter().find(|name| self.is_word(at, name)) {
            let list = self.list(of);
            return self.open(at, Some(list));
        }
        let begins_rows = self.is_word(at, "VALUES");
        let follows_row = at > 1
            && self.tokens[at - 1].token == Token::Comma
            && self.tokens[at - 2].token == Token::RParen;
        let Some(frame) = self.frames.last_mut() else { return };
        if begins_rows {
            // One for each column of the rows, which are no more than there are tokens.
            frame.values = Some(self.groups + 1);
            self.groups += self.tokens.len();
        }
        let row = frame.values.filter(|_| begins_rows || follows_row);
        let row = row.map(|group| List { of: "VALUES", group, rank: at, is_row: true });
        self.open(at, row);
    }

    /// Ends the operand that is open before `at`.
    fn end_item(&mut self, at: usize) {
        let Some(frame) = self.frames.last_mut() else { return };
        let Some(start) = frame.item.take() else { return };
        if frame.in_columns {
            frame.columns.last_mut().into_iter().for_each(|columns| columns.push(start..at));
        } else if let Some(list) = &mut frame.list {
            let List { of, group, rank, is_row } = *list;
            self.found.push(Found { of, group, rank, tokens: start..at });
            if is_row {
                list.group += 1;
            } else {
                list.rank += 1;
            }
        }
    }

    fn begin_item(&mut self, at: usize) {
        if let Some(frame) = self.frames.last_mut() {
            frame.item = Some(at);
        }
    }

    fn comma(&mut self, at: usize) {
        self.end_condition(at);
        let is_open = self.frames.last().is_some_and(|frame| frame.item.is_some());
        self.end_item(at);
        if is_open {
            self.begin_item(at + 1);
        }
        self.begin_condition(at + 1);
    }

    fn close(&mut self, at: usize) {
        self.end_condition(at);
        self.end_item(at);
        let Some(frame) = self.frames.pop() else { return };
        let Some(of) = frame.set_operator else { return };
        for (rank, columns) in frame.columns.into_iter().enumerate() {
            for (column, tokens) in columns.into_iter().enumerate() {
                self.found.push(Found { of, group: self.groups + 1 + column, rank, tokens });
            }
        }
        self.groups += self.tokens.len();
    }

    fn word(&mut self, at: usize, keyword: Keyword) {
        match keyword {
            Keyword::CASE => {
                let list = self.list("CASE");
                let frame = Frame { list: Some(list), is_case: true, ..Frame::default() };
                self.frames.push(frame);
            }
            Keyword::WHEN | Keyword::THEN | Keyword::ELSE | Keyword::END => {
                self.branch(at, keyword);
            }
            Keyword::SELECT => {
                self.end_condition(at);
                self.end_item(at);
                if let Some(frame) = self.frames.last_mut() {
                    frame.columns.push(Vec::new());
                    frame.in_columns = true;
                }
                self.begin_item(at + 1);
                self.begin_condition(at + 1);
            }
            Keyword::UNION => self.set_operator(at, "UNION"),
            Keyword::INTERSECT => self.set_operator(at, "INTERSECT"),
            Keyword::EXCEPT => self.set_operator(at, "EXCEPT"),
            Keyword::FROM if self.is_word(at, "DISTINCT") => {}
            Keyword::FROM
            | Keyword::WHERE
            | Keyword::GROUP
            | Keyword::HAVING
            | Keyword::ORDER
            | Keyword::LIMIT
            | Keyword::ON => {
                self.end_columns(at);
                self.begin_condition(at + 1);
            }
            Keyword::NOT => self.begin_condition(at + 1),
            Keyword::BETWEEN => {
                self.frames.iter_mut().rev().take(1).for_each(|frame| frame.in_between = true);
            }
            Keyword::IS => self.test(at),
            Keyword::AND => self.junction(at, "AND"),
            Keyword::OR => self.junction(at, "OR"),
            _ => {}
        }
    }

    /// A part of CASE begins or ends. ELSE comes before the others.
    fn branch(&mut self, at: usize, keyword: Keyword) {
        if !self.frames.last().is_some_and(|frame| frame.is_case) {
            return;
        }
        if keyword == Keyword::END {
            return self.close(at);
        }
        self.end_condition(at);
        self.end_item(at);
        let Some(frame) = self.frames.last_mut() else { return };
        if let Some(list) = &mut frame.list {
            list.of = if keyword == Keyword::WHEN { "CASE/WHEN" } else { "CASE" };
            list.rank = if keyword == Keyword::ELSE { 0 } else { at };
        }
        self.begin_item(at + 1);
        self.begin_condition(at + 1);
    }

    fn end_columns(&mut self, at: usize) {
        self.end_condition(at);
        if self.frames.last().is_some_and(|frame| frame.in_columns) {
            self.end_item(at);
        }
        self.frames.iter_mut().rev().take(1).for_each(|frame| frame.in_columns = false);
    }

    fn set_operator(&mut self, at: usize, operator: &'static str) {
        self.end_columns(at);
        if let Some(frame) = self.frames.last_mut() {
            frame.set_operator = Some(operator);
        }
    }

    /// AND or OR; the first AND behind BETWEEN is its own.
    fn junction(&mut self, at: usize, of: &'static str) {
        let Some(frame) = self.frames.last_mut() else { return };
        if of == "AND" && std::mem::take(&mut frame.in_between) {
            return;
        }
        if frame.junction != Some(of) {
            self.end_condition(at);
            self.frames.iter_mut().rev().take(1).for_each(|frame| frame.junction = Some(of));
        }
        self.end_condition(at);
        if let Some(frame) = self.frames.last_mut() {
            (frame.condition, frame.junction) = (at + 1, Some(of));
        }
    }

    /// `IS [NOT] TRUE` or `FALSE`, of what stands before it.
    fn test(&mut self, at: usize) {
        let Some(of) = TESTS
            .iter()
            .find(|of| of.split(' ').zip(at..).all(|(word, place)| self.is_word(place + 1, word)))
        else {
            return;
        };
        let Some(frame) = self.frames.last() else { return };
        let tokens = frame.condition..at;
        self.groups += 1;
        self.found.push(Found { of, group: self.groups, rank: 0, tokens });
    }

    /// Ends the operand of AND or OR that is open before `at`.
    fn end_condition(&mut self, at: usize) {
        let Some(frame) = self.frames.last_mut() else { return };
        let Some(of) = frame.junction.take() else { return };
        let tokens = frame.condition..at;
        self.groups += 1;
        self.found.push(Found { of, group: self.groups, rank: 0, tokens });
    }

    fn begin_condition(&mut self, at: usize) {
        if let Some(frame) = self.frames.last_mut() {
            (frame.condition, frame.in_between) = (at, false);
        }
    }
}
