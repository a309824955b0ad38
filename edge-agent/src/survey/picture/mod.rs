//! The picture of a survey: floors as panels, zones coloured by how often stays there are given to the right zone, sensors,
//! and arrows from zones to those they are taken for. SVG 1.1 with a style sheet of its own and nothing from elsewhere;
//! legible in light and dark, in print, and without colours: the share stands in every cell.

mod cells;
mod legend;

use cells::{Frame, Point};
use legend::STYLE;
use std::fmt::Write as _;
use visit_core::position::{Inspection, Verdict};
use visit_core::site::{FloorIx, SensorIx, Site, ZoneIx};

/// Around everything, between panels, and above the drawing of a panel, pixels.
const MARGIN: f32 = 24.0;
const GAP: f32 = 18.0;
const TITLE: f32 = 28.0;
const HEAD: f32 = 74.0;
const LEGEND: f32 = 118.0;
const LEGEND_WIDTH: f32 = 860.0;
/// How much higher than wide the picture should be: a sheet of paper.
const SHEET: f32 = 1.4;
/// Confusions that are drawn: at least this share of stays, and no more than so many, the most frequent.
const DRAWN: f32 = 0.04;
const ARROWS: usize = 60;
/// Shares of right stays and the class of the cell, the best first.
const CLASSES: [(f32, &str, &str); 5] = [
    (0.95, "a", "95 % and more"),
    (0.85, "b", "85 to 95 %"),
    (0.70, "c", "70 to 85 %"),
    (0.50, "d", "50 to 70 %"),
    (0.0, "e", "less than half"),
];

/// Draws what an inspection found. The same inspection gives the same bytes.
pub fn picture(site: &Site, inspection: &Inspection) -> String {
    let mut p = Picture::new(site, inspection);
    p.open();
    let floors: Vec<FloorIx> = (0..site.floors.len() as u16).map(FloorIx).collect();
    floors.iter().for_each(|f| p.panel(*f));
    p.arrows();
    floors.iter().for_each(|f| p.title(*f));
    floors.iter().for_each(|f| p.sensors_and_names(*f));
    p.legend();
    p.svg.push_str("</svg>\n");
    p.svg
}

struct Picture<'a> {
    site: &'a Site,
    i: &'a Inspection,
    frame: Frame,
    /// Upper left corner of each floor's drawing.
    corners: Vec<Point>,
    size: Point,
    svg: String,
}

impl<'a> Picture<'a> {
    fn new(site: &'a Site, i: &'a Inspection) -> Self {
        let frame = Frame::of(site);
        let [wide, high] = frame.size;
        let n = site.floors.len();
        let shape = |columns: usize| {
            let rows = n.div_ceil(columns);
            let height = HEAD + rows as f32 * (high + TITLE + GAP) + LEGEND;
            libm::logf(height / (columns as f32 * (wide + GAP)) / SHEET).abs()
        };
        let columns = (1..=n.clamp(1, 8)).min_by(|a, b| shape(*a).total_cmp(&shape(*b))).unwrap_or(1);
        let rows = n.div_ceil(columns);
        // The highest floor is the uppermost.
        let corner = |f: usize| {
            let n = site.floors.len() - 1 - f;
            let (column, row) = (n / rows, n % rows);
            [MARGIN + column as f32 * (wide + GAP), HEAD + TITLE + row as f32 * (high + TITLE + GAP)]
        };
        let corners = (0..site.floors.len()).map(corner).collect();
        let size = [
            (2.0 * MARGIN + columns as f32 * (wide + GAP) - GAP).max(LEGEND_WIDTH),
            HEAD + rows as f32 * (high + TITLE + GAP) + LEGEND,
        ];
        Self { site, i, frame, corners, size, svg: String::new() }
    }

    /// Where a place on a floor is in the picture.
    fn at(&self, floor: FloorIx, position: Point) -> Point {
        let corner = self.corners[usize::from(floor.0)];
        let [x, y] = self.frame.place(position);
        [corner[0] + x, corner[1] + y]
    }

    fn at_zone(&self, zone: ZoneIx) -> Point {
        let z = self.site.zone(zone);
        self.at(z.floor, z.position)
    }

    fn open(&mut self) {
        let name = self.site.name.as_deref().unwrap_or(&self.site.id);
        let [w, h] = self.size;
        let verdict = match self.i.verdict(self.site) {
            Verdict::Good => "good",
            Verdict::Fair => "fair",
            Verdict::Poor => "poor",
            Verdict::CannotTell => "cannot tell",
        };
        let a = &self.i.assessment;
        let expect = match (a.right_zone(), a.right_floor(self.site)) {
            (Some(zone), Some(floor)) => format!(
                "{verdict}: of 100 stays {:.0} are given to the right zone, {:.0} to the right floor",
                zone.stays * 100.0,
                floor.stays * 100.0
            ),
            _ => format!("{verdict}: no zone was walked in two laps"),
        };
        let title = format!("Survey of {}", escaped(name));
        let _ = write!(
            self.svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w:.0}\" height=\"{h:.0}\" viewBox=\"0 0 {w:.0} {h:.0}\" \
             role=\"img\" aria-labelledby=\"t d\">\n<title id=\"t\">{title}</title>\n<desc id=\"d\">{expect}</desc>\n\
             <style>{STYLE}</style>\n<defs>\
             <pattern id=\"unknown\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><rect class=\"hatched\" width=\"7\" height=\"7\" fill=\"#eaeef2\"/>\
             <path class=\"hatch\" d=\"M0 0V7\" stroke=\"#8c959f\" stroke-width=\"2\"/></pattern>\n"
        );
        for (id, class) in [("n", "nearhead"), ("f", "farhead")] {
            let _ = writeln!(
                self.svg,
                "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"9\" markerHeight=\"9\" \
                 markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"{class}\" d=\"M0 0L8 4L0 8Z\"/></marker>"
            );
        }
        let _ = writeln!(
            self.svg,
            "</defs>\n<text x=\"{MARGIN}\" y=\"36\" font-size=\"22\" font-weight=\"600\">{title}</text>\n\
             <text class=\"dim\" x=\"{MARGIN}\" y=\"60\" font-size=\"14\">{expect}</text>"
        );
    }

    fn panel(&mut self, floor: FloorIx) {
        let [x, y] = self.corners[usize::from(floor.0)];
        let [w, h] = self.frame.size;
        let _ = writeln!(
            self.svg,
            "<rect class=\"panel\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"6\"/>"
        );
        for zone in self.zones_on(floor) {
            let corners: Vec<String> = self
                .frame
                .cell(self.site, zone)
                .iter()
                .map(|p| format!("{:.1},{:.1}", x + p[0], y + p[1]))
                .collect();
            let class = class(self.i.assessment.right(zone).map(|r| r.stays));
            let _ = writeln!(
                self.svg,
                "<polygon class=\"cell {class}\" points=\"{}\"><title>{}</title></polygon>",
                corners.join(" "),
                self.story(zone)
            );
        }
    }

    /// Above a panel, on top of the arrows that come from another.
    fn title(&mut self, floor: FloorIx) {
        let [x, y] = self.corners[usize::from(floor.0)];
        let w = self.frame.size[0];
        let f = self.site.floor(floor);
        let name = f.name.as_ref().map_or_else(String::new, |n| format!(" {}", escaped(n)));
        let figures = self.i.assessment.floors(self.site);
        let figures = &figures[usize::from(floor.0)];
        let right = match figures.right {
            Some(r) => format!(
                "right zone {:.0} %, right floor {:.0} %",
                r.stays * 100.0,
                figures.taken_for[usize::from(floor.0)].stays * 100.0
            ),
            None => "not judged".to_owned(),
        };
        let _ = writeln!(
            self.svg,
            "<text class=\"head\" x=\"{x:.1}\" y=\"{:.1}\" font-size=\"15\" font-weight=\"600\">{}{name}</text>\n\
             <text class=\"dim head\" x=\"{:.1}\" y=\"{:.1}\" font-size=\"13\" text-anchor=\"end\">{right}</text>",
            y - 8.0,
            escaped(&f.id),
            x + w,
            y - 8.0
        );
    }

    /// What a pointer on a cell is told.
    fn story(&self, zone: ZoneIx) -> String {
        let z = self.site.zone(zone);
        let a = &self.i.assessment;
        let mut story = escaped(&z.id);
        for name in [&z.name, &z.brand].into_iter().flatten() {
            let _ = write!(story, " {}", escaped(name));
        }
        match a.right(zone) {
            Some(r) => {
                let _ = write!(story, ": {:.0} % of stays are right", r.stays * 100.0);
                for (_, other, share) in a.confused().into_iter().filter(|(is, ..)| *is == zone) {
                    let _ = write!(
                        story,
                        ", {:.0} % taken for {}",
                        share * 100.0,
                        escaped(&self.site.zone(other).id)
                    );
                }
            }
            None if a.passes(zone) == 0 => story.push_str(": not walked"),
            None => story.push_str(": walked in one lap only, cannot be judged"),
        }
        story
    }

    fn arrows(&mut self) {
        let mut drawn: Vec<_> = self.i.assessment.confused();
        drawn.retain(|(_, _, share)| *share >= DRAWN);
        drawn.truncate(ARROWS);
        // The thickest last, on top.
        for (from, to, share) in drawn.into_iter().rev() {
            let (a, b) = (self.at_zone(from), self.at_zone(to));
            let near = self.site.floor_of(from) == self.site.floor_of(to);
            let [dx, dy] = [b[0] - a[0], b[1] - a[1]];
            let length = libm::hypotf(dx, dy).max(1.0);
            // Bent to the right, so that there and back do not cover each other; begun and ended off the middles.
            let bend = if near { 0.18 } else { 0.1 };
            let off = (self.frame.reach * 0.5).min(length * 0.3);
            let [ux, uy] = [dx / length, dy / length];
            let middle = [
                f32::midpoint(a[0], b[0]) - uy * length * bend,
                f32::midpoint(a[1], b[1]) + ux * length * bend,
            ];
            let (class, head) = if near { ("near", "n") } else { ("far", "f") };
            let way = format!(
                "M{:.1} {:.1}Q{:.1} {:.1} {:.1} {:.1}",
                a[0] + ux * off,
                a[1] + uy * off,
                middle[0],
                middle[1],
                b[0] - ux * off,
                b[1] - uy * off
            );
            let wide = 1.2 + 3.4 * share;
            let _ = writeln!(
                self.svg,
                "<path class=\"halo\" d=\"{way}\" stroke-width=\"{:.1}\"/><path class=\"arrow {class}\" d=\"{way}\" \
                 stroke-width=\"{wide:.1}\" marker-end=\"url(#{head})\"><title>{} is taken for {}: {:.0} % of \
                 stays</title></path>",
                wide + 2.4,
                escaped(&self.site.zone(from).id),
                escaped(&self.site.zone(to).id),
                share * 100.0
            );
        }
    }

    fn sensors_and_names(&mut self, floor: FloorIx) {
        let size = (self.frame.reach * 0.28).clamp(7.0, 13.0);
        let room = ((self.frame.reach * 1.7) / (size * 0.6)).max(3.0) as usize;
        for zone in self.zones_on(floor) {
            let [x, y] = self.at_zone(zone);
            let right = self.i.assessment.right(zone);
            let class = class(right.map(|r| r.stays));
            let share = right.map_or_else(|| "–".to_owned(), |r| format!("{:.0}", r.stays * 100.0));
            let id = escaped(&shortened(&self.site.zone(zone).id, room));
            let _ = writeln!(
                self.svg,
                "<text class=\"in on-{class}\" x=\"{x:.1}\" y=\"{:.1}\" font-size=\"{size:.1}\" \
                 text-anchor=\"middle\">{id}</text><text class=\"in on-{class}\" x=\"{x:.1}\" y=\"{:.1}\" \
                 font-size=\"{:.1}\" font-weight=\"700\" text-anchor=\"middle\">{share}</text>",
                y - size * 0.1,
                y + size * 1.1,
                size * 1.15
            );
        }
        let words: Vec<Point> = self.zones_on(floor).into_iter().map(|z| self.at_zone(z)).collect();
        let on_floor = |s: &SensorIx| self.site.floor_of_sensor(*s) == floor;
        let sensors: Vec<SensorIx> =
            (0..self.site.sensors.len() as u16).map(SensorIx).filter(on_floor).collect();
        for sensor in sensors {
            let s = self.site.sensor(sensor);
            let [x, y] = self.at(floor, s.position);
            // Where it hangs, unless that is where the words of a zone are.
            let y =
                match words.iter().find(|w| (w[0] - x).abs() < size * 3.2 && (w[1] - y).abs() < size * 2.0) {
                    Some(w) if self.frame.reach > 16.0 => w[1] - size * 1.9,
                    _ => y,
                };
            let (class, says) = self.of_sensor(sensor);
            marker(&mut self.svg, [x, y], class);
            let id = escaped(&s.id);
            let _ = writeln!(self.svg, "<title>{id}: {says}</title></path>");
            if class == "bad" {
                // Above it, on a ground of its own: below are the words of the zone.
                let [small, wide] = [size * 0.85, s.id.chars().count() as f32 * size * 0.58 + 6.0];
                let _ = writeln!(
                    self.svg,
                    "<rect class=\"chip\" x=\"{:.1}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"{:.1}\" rx=\"3\"/>\
                     <text class=\"badtext\" x=\"{x:.1}\" y=\"{:.1}\" font-size=\"{small:.1}\" \
                     text-anchor=\"middle\">{id}</text>",
                    x - wide / 2.0,
                    y - 10.0 - small,
                    small + 3.0,
                    y - 10.0
                );
            }
        }
    }

    fn of_sensor(&self, sensor: SensorIx) -> (&'static str, String) {
        let w = &self.i.sensors[usize::from(sensor.0)];
        match (w.elsewhere, w.excess) {
            _ if w.scans == 0 => ("bad", "heard nothing of the walk".to_owned()),
            (Some((zone, _)), _) => {
                ("bad", format!("hears {} best; is it there?", escaped(&self.site.zone(zone).id)))
            }
            (None, Some((db, _))) if self.i.is_misfit(db) => {
                ("bad", format!("{db:+.0} dB against what a sensor should hear there"))
            }
            _ if self.i.is_spare(sensor) => ("spare", "adds nothing that others do not".to_owned()),
            _ => ("sensor", format!("without it {:.1} of 100 stays more would go wrong", w.loss * 100.0)),
        }
    }

    fn zones_on(&self, floor: FloorIx) -> Vec<ZoneIx> {
        (0..self.site.zones.len() as u16).map(ZoneIx).filter(|z| self.site.floor_of(*z) == floor).collect()
    }
}

/// Begins a sensor's mark; the caller ends it.
fn marker(svg: &mut String, [x, y]: Point, class: &str) {
    let _ = write!(svg, "<path class=\"{class}\" d=\"M{x:.1} {:.1}l5.5 5.5l-5.5 5.5l-5.5 -5.5Z\">", y - 5.5);
}

fn class(right: Option<f32>) -> &'static str {
    let Some(right) = right else { return "u" };
    CLASSES.iter().find(|(least, ..)| right >= *least).map_or("e", |(_, class, _)| class)
}

fn shortened(id: &str, room: usize) -> String {
    if id.chars().count() <= room {
        id.to_owned()
    } else {
        id.chars().take(room - 1).chain(['…']).collect()
    }
}

/// Text as XML 1.0 may hold it (§2.2, §2.4).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
