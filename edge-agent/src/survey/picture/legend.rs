//! What the colours and marks of the picture look like, and mean.

use super::{CLASSES, DRAWN, LEGEND, MARGIN, Picture, marker};
use std::fmt::Write as _;

/// Colours by ColorBrewer (RdYlBu, safe for the colour-blind), text on them with a contrast of 4.5 and more.
pub(super) const STYLE: &str = "\
svg{background:#fff;font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','Noto Sans CJK SC',sans-serif}\
text{fill:#1b1f24}.dim{fill:#57606a}.head{stroke:#fff;stroke-width:4;paint-order:stroke;stroke-linejoin:round}.panel{fill:#f6f8fa;stroke:#d0d7de}\
.cell{stroke:#fff;stroke-width:2}.a{fill:#2c7bb6}.b{fill:#abd9e9}.c{fill:#ffffbf}.d{fill:#fdae61}.e{fill:#d7191c}\
.u{fill:url(#unknown)}.in{fill:#111}.in.on-a,.in.on-e{fill:#fff}\
.in{paint-order:stroke;stroke-width:3;stroke-linejoin:round}.on-a{stroke:#2c7bb6}.on-b{stroke:#abd9e9}.on-c{stroke:#ffffbf}\
.on-d{stroke:#fdae61}.on-e{stroke:#d7191c}.on-u{stroke:#eaeef2}\
.near{stroke:#1b1f24}.far{stroke:#8250df;stroke-dasharray:7 4}.arrow,.halo{fill:none}.halo{stroke:#fff;stroke-opacity:.7}\
.nearhead{fill:#1b1f24}.farhead{fill:#8250df}\
.sensor{fill:#fff;stroke:#1b1f24;stroke-width:1.6}.spare{fill:#fff;fill-opacity:.45;stroke:#57606a;stroke-dasharray:2 1.5}\
.bad{fill:#cf222e;stroke:#fff;stroke-width:2}.chip{fill:#fff}.badtext{fill:#a40e26;font-weight:600}\
@media screen and (prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#e6edf3}.dim{fill:#9da7b3}.head{stroke:#0d1117}\
.panel{fill:#161b22;stroke:#30363d}.cell{stroke:#161b22}.in{fill:#111}.in.on-a,.in.on-e{fill:#fff}.in.on-u{fill:#e6edf3;stroke:#21262d}\
.halo{stroke:#0d1117}.near{stroke:#f0f6fc}.nearhead{fill:#f0f6fc}.far{stroke:#d2a8ff}.farhead{fill:#d2a8ff}\
.hatch{stroke:#6e7681}.hatched{fill:#21262d}}";

impl Picture<'_> {
    pub(super) fn legend(&mut self) {
        let top = self.size[1] - LEGEND + 18.0;
        let mut x = MARGIN;
        let _ = writeln!(
            self.svg,
            "<text x=\"{x}\" y=\"{top:.1}\" font-size=\"13\" font-weight=\"600\">Stays given to the right zone</text>"
        );
        let unknown = [("u", "cannot be judged")];
        for (class, words) in CLASSES.map(|(_, class, words)| (class, words)).into_iter().chain(unknown) {
            let _ = writeln!(
                self.svg,
                "<rect class=\"cell {class}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"22\" height=\"16\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"12\">{words}</text>",
                top + 8.0,
                x + 28.0,
                top + 20.5
            );
            x += 132.0;
        }
        let y = top + 50.0;
        x = MARGIN;
        for (class, words) in
            [("sensor", "sensor"), ("spare", "adds nothing that others do not"), ("bad", "to be looked at")]
        {
            marker(&mut self.svg, [x + 8.0, y], class);
            let _ = writeln!(
                self.svg,
                "</path><text x=\"{:.1}\" y=\"{:.1}\" font-size=\"12\">{words}</text>",
                x + 22.0,
                y + 4.0
            );
            x += 32.0 + 7.0 * words.len() as f32;
        }
        for (class, head, words) in [("near", "n", "taken for"), ("far", "f", "taken for, on another floor")]
        {
            let _ = writeln!(
                self.svg,
                "<path class=\"arrow {class}\" d=\"M{x:.1} {y:.1}H{:.1}\" stroke-width=\"2.2\" \
                 marker-end=\"url(#{head})\"/><text x=\"{:.1}\" y=\"{:.1}\" font-size=\"12\">{words}</text>",
                x + 34.0,
                x + 42.0,
                y + 4.0
            );
            x += 56.0 + 7.0 * words.len() as f32;
        }
        let _ = writeln!(
            self.svg,
            "<text class=\"dim\" x=\"{MARGIN}\" y=\"{:.1}\" font-size=\"12\">The thicker an arrow, the more stays; fewer \
             than {:.0} % are not drawn. Cells show the middles of zones, not their walls.</text>",
            y + 30.0,
            DRAWN * 100.0
        );
    }
}
