//! Tables of figures: no lines, the first column to the left, figures to the right.

use comfy_table::{CellAlignment, Row, Table, presets};

/// A table with this header. The columns from the second on are figures, but for the last `texts`.
pub(crate) fn of_figures(header: impl Into<Row>, texts: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    for column in 1..table.column_count().saturating_sub(texts) {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
