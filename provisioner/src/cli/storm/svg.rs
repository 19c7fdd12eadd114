//! A storm's curves as SVG: three charts over one another with the same axis of time.

use super::plot::duration;
use healstack_rehearsal::storm::{Point, Report};
use plotters::coord::Shift;
use plotters::prelude::*;

/// Pixels.
const SIZE: (u32, u32) = (960, 820);
/// One colour a curve, told apart by people who see few of them too (Okabe and Ito's palette).
const ILL: RGBColor = RGBColor(213, 94, 0);
const HEALED: RGBColor = RGBColor(0, 158, 115);
const HEALING: RGBColor = RGBColor(0, 114, 178);
const SKIPPED: RGBColor = RGBColor(204, 121, 167);
const BOUND: RGBColor = RGBColor(90, 90, 90);

/// A curve: its name, its colour, its value at a point.
type Curve<'a> = (&'a str, RGBColor, &'a dyn Fn(&Point) -> usize);

/// Draws them.
pub(super) fn curves(rule: &str, report: &Report) -> Result<String, String> {
    let mut drawn = String::new();
    draw(&mut drawn, rule, report).map_err(|error| error.to_string())?;
    Ok(drawn)
}

fn draw(into: &mut String, rule: &str, report: &Report) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(into, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let end = report.healed_after.map_or_else(
        || format!("not all healed within {}", duration(report.watched)),
        |seconds| format!("all healed after {}", duration(seconds)),
    );
    let title = format!("{rule}: {} fail together, {end}", report.resources);
    let root = root.titled(&title, ("sans-serif", 20))?;
    let (upper, rest) = root.split_vertically(340);
    let lower = rest.split_evenly((2, 1));
    let bound = report.bounds.concurrent;
    chart(&upper, report, "resources", &[("ill", ILL, &|point| point.ill), ("healed", HEALED, &|point| point.healed)])?;
    let held = format!("budget of the rule: {bound} at once");
    chart(
        &lower[0],
        report,
        "in healing",
        // The bound first: a curve that reaches it is seen.
        &[(&held, BOUND, &move |_| bound), ("most at once in five minutes", HEALING, &|point| point.healing)],
    )?;
    chart(&lower[1], report, "offers refused", &[("in five minutes", SKIPPED, &|point| point.skipped)])?;
    root.present()?;
    Ok(())
}

fn chart(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    report: &Report,
    name: &str,
    curves: &[Curve<'_>],
) -> Result<(), Box<dyn std::error::Error>> {
    let most = curves.iter().flat_map(|(_, _, of)| report.points.iter().map(of)).max().unwrap_or_default().max(1);
    let end = report.points.last().map_or(1, |point| point.at).max(1);
    // Steps of the axis are round numbers of its unit.
    let (unit, seconds) = if end > 5 * 3600 { ("hours", 3600.0) } else { ("minutes", 60.0) };
    let in_unit = |at: i64| f64::from(i32::try_from(at).unwrap_or(i32::MAX)) / seconds;
    // Room above the highest, so that a curve at its bound is no part of the frame.
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..in_unit(end), 0..most + most.div_ceil(8))?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .y_desc(name)
        .x_labels(9)
        .y_labels(if most < 6 { most + 1 } else { 6 })
        .x_desc(format!("{unit} since the first failure"))
        .x_label_formatter(&|at| format!("{at}"))
        .draw()?;
    for (name, colour, of) in curves {
        let line = report.points.iter().map(|point| (in_unit(point.at), of(point)));
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(line, style))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .position(SeriesLabelPosition::MiddleRight)
        .draw()?;
    Ok(())
}
