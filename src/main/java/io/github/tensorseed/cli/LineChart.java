package io.github.tensorseed.cli;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;

/// Values in a row as lines over their numbers, from 1 on, with a legend.
///
/// @param x what is numbered
/// @param y what the values are, with their unit if they have one
/// @param powers whether the axis is of powers of 10, which knows only what is above 0; else it begins at 0
/// @param marks values that are no line
record LineChart(String x, String y, boolean powers, List<Line> lines, List<Mark> marks) {
  private static final int WIDTH = 640;
  private static final int HEIGHT = 280;
  private static final int LEFT = 48;
  private static final int TOP = 24;
  private static final int RIGHT = 8;
  private static final int BOTTOM = 24;
  private static final int POINTS = 600;

  /// One of the lines; it has gaps where values have no place.
  record Line(String name, List<Double> values) {
    static Line of(String name, DoubleStream values) {
      return new Line(name, values.boxed().toList());
    }
  }

  record Mark(String name, double value) {}

  String html() {
    double[] shown = lines.stream().flatMap(line -> line.values.stream()).mapToDouble(Double::doubleValue).filter(this::hasPlace).toArray();
    int count = Math.max(2, lines.stream().mapToInt(line -> line.values.size()).max().orElse(0));
    Scale scale = powers ? Scale.ofPowers(shown, count) : Scale.from0(shown, count);
    StringBuilder html = new StringBuilder("<svg class=chart viewBox=\"0 0 %d %d\" role=img aria-label=\"%s\">\n"
        .formatted(WIDTH, HEIGHT, HtmlPage.escape(y)));
    html.append("<text x=%d y=12>%s</text>\n".formatted(LEFT, HtmlPage.escape(y)));
    for (double tick = scale.least; tick <= scale.most * (1 + 1e-9); tick += scale.step) {
      html.append(String.format(Locale.ROOT, "<line x1=%d x2=%d y1=%.1f y2=%3$.1f /><text x=%d y=%.1f text-anchor=end>%s</text>%n", LEFT,
          WIDTH - RIGHT, scale.y(tick), LEFT - 6, scale.y(tick) + 4, powers ? "1e" + (int) tick : Units.rough(tick)));
    }
    html.append("<text x=%d y=%d>1</text><text x=%d y=%2$d text-anchor=middle>%s</text><text x=%d y=%2$d text-anchor=end>%s</text>\n".formatted(
        LEFT, HEIGHT - 6, (LEFT + WIDTH - RIGHT) / 2, HtmlPage.escape(x), WIDTH - RIGHT, Units.count(count)));
    for (Mark mark : marks) {
      double place = place(mark.value);
      if (hasPlace(mark.value) && place >= scale.least && place <= scale.most) {
        html.append(String.format(Locale.ROOT, "<line class=mark x1=%d x2=%d y1=%.1f y2=%3$.1f /><text x=%4$d y=%5$.1f>%6$s</text>%n", LEFT,
            WIDTH - RIGHT, scale.y(place), LEFT + 6, scale.y(place) - 4, HtmlPage.escape(mark.name)));
      }
    }
    StringBuilder legend = new StringBuilder("<p>");
    for (int i = 0; i < lines.size(); i++) {
      // Hues apart from one another, light enough for a dark page and dark enough for a light one.
      String colour = String.format(Locale.ROOT, "oklch(62%% .16 %d)", (255 + 360 * i / lines.size()) % 360);
      draw(html, lines.get(i), colour, scale);
      legend.append("<span class=key style=\"background:").append(colour).append("\"></span> ").append(HtmlPage.escape(lines.get(i).name))
          .append('\n');
    }
    return html.append("</svg>\n").append(legend).append("</p>\n").toString();
  }

  private boolean hasPlace(double value) {
    return powers ? value > 0 && value < Double.POSITIVE_INFINITY : value >= 0 && value < Double.POSITIVE_INFINITY;
  }

  private double place(double value) {
    return powers ? Math.log10(value) : value;
  }

  /// Some of the values, the first and the last among them.
  private void draw(StringBuilder html, Line line, String colour, Scale scale) {
    int last = line.values.size() - 1;
    int step = Math.max(1, line.values.size() / POINTS);
    StringBuilder points = new StringBuilder();
    for (int i = 0; i <= last; i += i + step <= last || i == last ? step : last - i) {
      if (hasPlace(line.values.get(i))) {
        points.append(String.format(Locale.ROOT, "%.1f,%.1f ", scale.x(i), scale.y(place(line.values.get(i)))));
      } else {
        polyline(html, line, colour, points);
      }
    }
    polyline(html, line, colour, points);
  }

  private static void polyline(StringBuilder html, Line line, String colour, StringBuilder points) {
    if (!points.isEmpty()) {
      boolean single = points.indexOf(" ") == points.length() - 1;
      html.append("<polyline style=\"stroke:").append(colour).append("\" points=\"").append(points).append(single ? points : "")
          .append("\"><title>").append(HtmlPage.escape(line.name)).append("</title></polyline>\n");
      points.setLength(0);
    }
  }

  /// Where a value, or the logarithm of one, has its place.
  private record Scale(double least, double most, double step, int count) {
    static Scale ofPowers(double[] values, int count) {
      double least = Math.floor(Math.log10(Arrays.stream(values).min().orElse(1)));
      double most = Math.max(least + 1, Math.ceil(Math.log10(Arrays.stream(values).max().orElse(1))));
      return new Scale(least, most, Math.ceil((most - least) / 8), count);
    }

    /// To 1, 2 or 5 times a power of 10.
    static Scale from0(double[] values, int count) {
      double greatest = Arrays.stream(values).max().orElse(0);
      double power = greatest > 0 ? Math.pow(10, Math.floor(Math.log10(greatest))) : 1;
      double most = DoubleStream.of(1, 2, 5, 10).map(times -> times * power).filter(value -> value >= greatest).findFirst().orElse(greatest);
      return new Scale(0, most, most / 5, count);
    }

    double x(int index) {
      return LEFT + (double) index / (count - 1) * (WIDTH - RIGHT - LEFT);
    }

    double y(double place) {
      return TOP + (most - place) / (most - least) * (HEIGHT - TOP - BOTTOM);
    }
  }
}
