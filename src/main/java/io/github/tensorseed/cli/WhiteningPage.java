package io.github.tensorseed.cli;

import io.github.tensorseed.whitening.Epsilon;
import io.github.tensorseed.whitening.Whitening;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// What a whitening does to data, as one page.
///
/// @param data words for the rows
/// @param filters rows of the matrix, where rows are images
record WhiteningPage(Whitening whitening, String data, PickedRows before, PickedRows after, Optional<ImageShape> image,
    List<double[]> filters) {
  private static final int COLUMNS = 8;
  private static final int WIDTH = 470;

  void write(Path file) throws IOException {
    StringBuilder page = new StringBuilder();
    double[] covarianceBefore = before.covariance();
    double[] covarianceAfter = after.covariance();
    Spectrum spectrum = Spectrum.of(whitening);
    facts(page, spectrum, covarianceBefore, covarianceAfter);
    page.append("<h2>Spectrum</h2>\n<p>Eigenvalues of the covariance that was fitted, before and after.</p>\n");
    page.append(new LineChart("component", "eigenvalue", true,
        List.of(LineChart.Line.of("before", Arrays.stream(spectrum.before)), LineChart.Line.of("after", Arrays.stream(spectrum.after))),
        List.of(new LineChart.Mark("epsilon", spectrum.added))).html());
    page.append("<h2>Covariance of the data</h2>\n<p>").append(before.step() == 1 ? "All features" : "One feature in " + before.step())
        .append("; blue is below 0, white 0, red above.</p>\n<div class=row>\n");
    heatMap(page, "before", covarianceBefore);
    heatMap(page, "after", covarianceAfter);
    page.append("</div>\n");
    image.ifPresent(shape -> images(page, shape));
    HtmlPage.write(file, whitening.kind() + " of " + data, page.toString());
  }

  private void facts(StringBuilder page, Spectrum spectrum, double[] covarianceBefore, double[] covarianceAfter) {
    Whitening.Origin origin = whitening.origin();
    page.append("<table class=facts><tbody>\n");
    fact(page, "fitted to", Units.count(origin.rows(), "row") + " of " + Units.count(whitening.mean().length, "feature"));
    fact(page, "rank", Units.count(whitening.rank()));
    fact(page, "epsilon", switch (origin.epsilon()) {
      case Epsilon.Absolute(double value) -> Units.rough(value);
      case Epsilon.Relative(double share) -> Units.rough(spectrum.added) + ", " + Units.rough(share) + " of the mean eigenvalue";
      case Epsilon.SingularValue(double value) -> Units.rough(value) + " on the singular value";
      case Epsilon.OfSums(double value) -> Units.rough(value) + " on the eigenvalue of the sums";
    });
    fact(page, "condition", Units.rough(spectrum.conditionBefore()) + " before, " + Units.rough(spectrum.conditionAfter()) + " after");
    fact(page, "mean variance of the data", Units.rough(meanDiagonal(covarianceBefore)) + " before, "
        + Units.rough(meanDiagonal(covarianceAfter)) + " after");
    fact(page, "mean correlation in it, by magnitude", Units.rough(meanCorrelation(covarianceBefore)) + " before, "
        + Units.rough(meanCorrelation(covarianceAfter)) + " after");
    fact(page, "computed", origin.side().name().toLowerCase(Locale.ROOT) + " side, ddof " + origin.ddof() + ", "
        + (origin.shrinkage() > 0 ? "shrinkage " + Units.rough(origin.shrinkage()) + ", " : "") + origin.device() + ", " + origin.library());
    page.append("</tbody></table>\n");
  }

  private static void fact(StringBuilder page, String name, String value) {
    page.append("<tr><th>").append(name).append("</th><td>").append(HtmlPage.escape(value)).append("</td></tr>\n");
  }

  private static double meanDiagonal(double[] matrix) {
    int n = (int) Math.sqrt(matrix.length);
    double sum = 0;
    for (int i = 0; i < n; i++) {
      sum += matrix[i * n + i];
    }
    return sum / n;
  }

  /// Of different features that are not constant.
  private static double meanCorrelation(double[] matrix) {
    int n = (int) Math.sqrt(matrix.length);
    double sum = 0;
    long pairs = 0;
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < i; j++) {
        double variances = matrix[i * n + i] * matrix[j * n + j];
        if (variances > 0) {
          sum += Math.abs(matrix[i * n + j]) / Math.sqrt(variances);
          pairs++;
        }
      }
    }
    return sum / Math.max(pairs, 1);
  }

  private static void heatMap(StringBuilder page, String name, double[] matrix) {
    int n = (int) Math.sqrt(matrix.length);
    double greatest = Arrays.stream(matrix).map(Math::abs).max().orElse(0);
    Png picture = new Png(n, n);
    for (int y = 0; y < n; y++) {
      for (int x = 0; x < n; x++) {
        double part = greatest > 0 ? matrix[y * n + x] / greatest : 0;
        double strength = Math.abs(part);
        picture.set(x, y, 1 - (part < 0 ? 0.87 : 0.3) * strength, 1 - 0.8 * strength, 1 - (part < 0 ? 0.33 : 0.83) * strength);
      }
    }
    figure(page, picture, name + ", from " + Units.rough(-greatest) + " to " + Units.rough(greatest));
  }

  private void images(StringBuilder page, ImageShape shape) {
    page.append("<h2>Images</h2>\n<div class=row>\n");
    double[] all = before.rows().stream().flatMapToDouble(Arrays::stream).toArray();
    double least = Arrays.stream(all).min().orElse(0);
    double most = Arrays.stream(all).max().orElse(1);
    figure(page, grid(before.rows(), shape, (_, value) -> (value - least) / Math.max(most - least, Double.MIN_NORMAL)), "before");
    if (!after.rows().isEmpty()) {
      double[] sizes = after.rows().stream().flatMapToDouble(Arrays::stream).map(Math::abs).sorted().toArray();
      double usual = Math.max(sizes[(int) (0.99 * (sizes.length - 1))], Double.MIN_NORMAL);
      figure(page, grid(after.rows(), shape, (_, value) -> 0.5 + value / (2 * usual)), "after, grey is 0 and white " + Units.rough(usual));
    }
    page.append("</div>\n<h2>Filters</h2>\n<p>").append(whitening.kind() == Whitening.Kind.PCA
        ? "The first components" : "What a white pixel is made of, for pixels from everywhere in the image")
        .append(", each on its own scale, by the root of each weight.</p>\n<div class=row>\n");
    double[] greatest = filters.stream().mapToDouble(filter -> Arrays.stream(filter).map(Math::abs).max().orElse(0)).toArray();
    figure(page, grid(filters, shape, (i, value) ->
        0.5 + Math.signum(value) * Math.sqrt(Math.abs(value) / Math.max(greatest[i], Double.MIN_NORMAL)) / 2), "grey is 0");
    page.append("</div>\n");
  }

  /// How bright a value of an image is.
  private interface Brightness {
    double of(int image, double value);
  }

  private static Png grid(List<double[]> images, ImageShape shape, Brightness brightness) {
    Png picture = new Png(Math.min(COLUMNS, images.size()) * (shape.width() + 1) - 1,
        Math.ceilDiv(images.size(), COLUMNS) * (shape.height() + 1) - 1);
    for (int i = 0; i < images.size(); i++) {
      double[] values = images.get(i);
      for (int y = 0; y < shape.height(); y++) {
        for (int x = 0; x < shape.width(); x++) {
          double[] colour = new double[3];
          for (int c = 0; c < 3; c++) {
            colour[c] = brightness.of(i, values[shape.feature(y, x, c % shape.channels())]);
          }
          picture.set(i % COLUMNS * (shape.width() + 1) + x, i / COLUMNS * (shape.height() + 1) + y, colour[0], colour[1], colour[2]);
        }
      }
    }
    return picture;
  }

  private static void figure(StringBuilder page, Png picture, String caption) {
    page.append("<figure><img width=%1$d alt=\"%2$s\" src=\"%3$s\"><figcaption>%2$s</figcaption></figure>\n".formatted(
        picture.width() * Math.max(1, WIDTH / picture.width()), caption, picture.dataUri()));
  }
}
