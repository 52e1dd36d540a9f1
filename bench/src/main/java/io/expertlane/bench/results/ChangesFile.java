package io.expertlane.bench.results;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * What people know of changes: {@code changes.json} in the results folder.
 *
 * @param known changes with a reason, oldest first as written
 * @param muted series of which nobody is told for a while
 */
public record ChangesFile(List<Known> known, List<Muted> muted) {
    /** Its name. */
    public static final String NAME = "changes.json";
    private static final RunSchema SCHEMA = RunSchema.of("changes");

    /**
     * A change that is meant, or understood.
     *
     * @param date night on which it shows, {@code yyyy-mm-dd}
     * @param series regular expression that the series' label must contain
     * @param reason why
     */
    public record Known(String date, String series, String reason) {
    }

    /**
     * Series that raise no alarm.
     *
     * @param series regular expression that the series' label must contain
     * @param reason why
     * @param until last day, {@code yyyy-mm-dd}
     */
    public record Muted(String series, String reason, String until) {
    }

    /**
     * Reads {@code file}; a file that is not there knows nothing.
     *
     * @throws IllegalArgumentException naming file, field, value and limit if it does not fit
     */
    public static ChangesFile read(final Path file) throws IOException {
        if (Files.notExists(file)) {
            return new ChangesFile(List.of(), List.of());
        }
        final ChangesFile changes = SCHEMA.read(file, ChangesFile.class);
        for (int i = 0; i < changes.known().size(); i++) {
            check(file + ": known/" + i, changes.known().get(i).series(), "date", changes.known().get(i).date());
        }
        for (int i = 0; i < changes.muted().size(); i++) {
            check(file + ": muted/" + i, changes.muted().get(i).series(), "until", changes.muted().get(i).until());
        }
        return changes;
    }

    private static void check(final String place, final String series, final String dateField, final String date) {
        try {
            Pattern.compile(series);
        } catch (final PatternSyntaxException e) {
            throw new IllegalArgumentException(place + "/series=" + series + ": a regular expression ("
                + e.getDescription() + ")", e);
        }
        try {
            LocalDate.parse(date);
        } catch (final DateTimeException e) {
            throw new IllegalArgumentException(place + "/" + dateField + "=" + date + ": a day of the calendar", e);
        }
    }
}
