//! Tables for people: columns as wide as what is in them.

/// Lines of columns, two blanks apart, none at the end of a line. Empty columns are left out.
pub fn columns<const N: usize>(
    heads: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    let mut lines = vec![heads.map(str::to_owned)];
    lines.extend(rows);
    let width = |column: usize, lines: &[[String; N]]| {
        let cells = lines.iter().map(|line| line[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let used: Vec<(usize, usize)> = (0..N)
        .filter(|&column| width(column, &lines[1..]) > 0)
        .map(|column| (column, width(column, &lines)))
        .collect();
    let mut text = String::new();
    for line in &lines {
        let cells = used.iter().map(|&(column, width)| {
            // What others chose must not move the cursor.
            let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
            let cell: String = line[column].chars().map(plain).collect();
            format!("{cell:width$}  ")
        });
        text.push_str(cells.collect::<String>().trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = [["a1", "", "pets\u{1b}"], ["b234", "", "ü"]];
        let rows = rows.map(|row| row.map(str::to_owned));
        let text = columns(["ID", "NONE", "N"], rows.into_iter());
        assert_eq!(text, "ID    N\na1    pets\u{fffd}\nb234  ü\n");
    }
}
