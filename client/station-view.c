/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From top to bottom: title, headline, the sentence, what stands in the way, the job with its steps, readers beside
 * jobs, keys. */
#include "client/station-view.h"

#include <stdio.h>

#include "client/job-view.h"
#include "client/station-keys.h"
#include "client/station-letters.h"
#include "client/station-words.h"

enum {
        ROWS_WITH_HEADLINE = 3, /* from so many rows on there is a headline, */
        ROWS_WITH_KEYS = 4,     /* the keys, */
        ROWS_WITH_TITLE = 5,    /* a title, */
        ROWS_WITH_STEPS = 10,   /* the job and its steps, */
        ROWS_WITH_LETTERS = 20, /* block letters: a quarter of the page at most */
        COLUMNS_BESIDE = 64,    /* readers and jobs beside one another */
        READERS_SHOWN = 32,
};

static void put_title(const StationModel *model, StationPage *page, const char *service) {
        char text[32];
        size_t open = station_model_open_jobs(model);
        unsigned width;

        station_page_style_row(page, 0, STYLE_REVERSE);
        station_page_put(page, 0, 1, page->columns, STYLE_REVERSE, "icreissue");
        snprintf(text, sizeof(text), "%zu open job%s", open, open == 1 ? "" : "s");
        station_page_put_centered(page, 0, STYLE_REVERSE, text);
        width = station_text_columns(service);
        if (width + 32 < page->columns)
                station_page_put(page, 0, page->columns - width - 1, width, STYLE_REVERSE, service);
}

/* Letters with a space between each two, where that fits. */
static void put_spaced(StationPage *page, unsigned row, unsigned style, const char *text) {
        char spaced[64];
        size_t size = 0;

        for (; *text && size + 3 < sizeof(spaced); text++) {
                spaced[size++] = *text;
                spaced[size++] = ' ';
        }
        spaced[size > 0 ? size - 1 : 0] = '\0';
        station_page_put_centered(page, row, style, spaced);
}

/* In block letters, as large as there is room for; else in a bar. Returns the row after it. */
static unsigned put_headline(StationPage *page, unsigned row, StationHeadline headline) {
        unsigned scale = page->rows / 4 / STATION_LETTER_ROWS;
        size_t size = strlen(headline.text);

        while (scale > 0 && station_letters_columns(headline.text, scale) > page->columns)
                scale--;

        if (scale > 0 && page->rows >= ROWS_WITH_LETTERS) {
                station_letters_put(page, row, scale, headline.style, headline.text);
                return row + scale * STATION_LETTER_ROWS + 1;
        }

        station_page_style_row(page, row, headline.style | STYLE_REVERSE);
        if (2 * size <= page->columns)
                put_spaced(page, row, headline.style | STYLE_REVERSE, headline.text);
        else
                station_page_put_centered(page, row, headline.style | STYLE_REVERSE, headline.text);
        return row + 1;
}

/* "x Old card  > Read  - Look up": done, current, to come. */
static void put_steps(StationPage *page, unsigned row, const StationStep *steps, size_t count) {
        static const char *const marks[] = { "x ", "> ", "- " };
        static const unsigned styles[] = { STYLE_PLAIN, STYLE_BOLD | STYLE_REVERSE, STYLE_PLAIN };
        unsigned all = 0, column, gap = 2;

        for (size_t i = 0; i < count; i++)
                all += 2 + (unsigned) strlen(steps[i].name);
        if (count > 1 && all + gap * (count - 1) > page->columns)
                gap = 1;

        all += gap * (unsigned) (count - MIN_OF(count, (size_t) 1));
        column = all < page->columns ? (page->columns - all) / 2 : 0;
        for (size_t i = 0; i < count; i++) {
                unsigned style = styles[steps[i].state];

                column += station_page_put(page, row, column, 2, style, marks[steps[i].state]);
                column += station_page_put(page, row, column, page->columns, style, steps[i].name) + gap;
        }
}

/* The job's line and its steps, or for a job of another kind how far it is. Returns the row after it. */
static unsigned put_job(StationPage *page, unsigned row, const StationJob *job) {
        _cleanup_free_ char *text = station_job_text(job), *progress = NULL;
        StationStep steps[STATION_STEPS_MAX];
        size_t count = station_steps(job->properties, steps);

        if (text)
                row += station_page_put_paragraph(page, row, 2, STYLE_PLAIN, text);
        if (count > 0) {
                put_steps(page, row, steps, count);
                return row + 1;
        }
        if (job_state_is_final(job_text(job->properties, "State")))
                return row;

        progress = output_progress(json_number_value(json_object_get(job->properties, "Progress")),
                                   job_text(job->properties, "State"), MIN_OF(page->columns, 60U));
        if (progress)
                station_page_put_centered(page, row, STYLE_PLAIN, progress);
        return row + 1;
}

static void put_readers(const StationModel *model, StationPage *page, unsigned row, unsigned rows,
                        unsigned width) {
        const json_t *readers[READERS_SHOWN];
        size_t count = station_model_readers(model, readers, READERS_SHOWN), shown;

        station_page_put(page, row, 1, width - 1, STYLE_BOLD, "Readers");
        shown = MIN_OF(MIN_OF(count, (size_t) rows - 1), (size_t) READERS_SHOWN);
        if (count > shown && shown > 0)
                shown--; /* its row says how many more there are */

        for (size_t i = 0; i < shown; i++) {
                _cleanup_free_ char *line = station_reader_line(readers[i]);

                if (line)
                        station_page_put(page, row + 1 + (unsigned) i, 1, width - 1, STYLE_PLAIN, line);
        }

        if (count > shown) {
                char text[32];

                snprintf(text, sizeof(text), "and %zu more", count - shown);
                station_page_put(page, row + 1 + (unsigned) shown, 1, width - 1, STYLE_PLAIN, text);
        }
}

static void put_jobs(const StationModel *model, StationPage *page, unsigned row, unsigned rows,
                     unsigned column) {
        StationJob jobs[STATION_JOBS_SHOWN], current = {};
        size_t count = station_model_jobs(model, jobs);

        (void) station_model_current(model, &current);
        station_page_put(page, row, column + 2, page->columns, STYLE_BOLD, "Last jobs");
        for (size_t i = 0; i < MIN_OF(count, (size_t) rows - 1); i++) {
                _cleanup_free_ char *line = station_job_line(&jobs[i]);
                bool chosen = current.path && streq(current.path, jobs[i].path);
                unsigned at = row + 1 + (unsigned) i, style = chosen ? STYLE_BOLD : STYLE_PLAIN;

                station_page_put(page, at, column, 2, style, chosen ? "> " : "  ");
                if (line)
                        station_page_put(page, at, column + 2, page->columns, style, line);
        }
}

/* Readers and jobs, in the rows that are left. */
static void put_lists(const StationModel *model, StationPage *page, unsigned row, unsigned rows) {
        if (rows < 2)
                return;

        if (page->columns >= COLUMNS_BESIDE) {
                put_readers(model, page, row, rows, page->columns / 2 - 1);
                put_jobs(model, page, row, rows, page->columns / 2);
                return;
        }

        put_readers(model, page, row, rows >= 4 ? rows / 2 : rows, page->columns);
        if (rows >= 4)
                put_jobs(model, page, row + rows / 2, rows - rows / 2, 0);
}

/* The last row: the question, or the keys. */
static int put_keys(const StationModel *model, StationPage *page) {
        _cleanup_free_ char *text = strdup(""), *question = NULL;
        const StationKey *key;
        const char *path;

        key = station_model_asked(model, &path);
        if (key) {
                if (asprintf(&question, key->question, (long long) job_number_from_path(path)) < 0)
                        return -ENOMEM;
                free(text);
                if (asprintf(&text, "%s  y: yes  any other key: no", question) < 0)
                        return -ENOMEM;
        }

        for (const StationKey *next = key ? NULL : station_keys_next(model, NULL); next;
             next = station_keys_next(model, next)) {
                char *longer;

                if (!text || asprintf(&longer, "%s%c: %s   ", text, next->key, next->label) < 0)
                        return -ENOMEM;
                free(text);
                text = longer;
        }

        if (page->rows < ROWS_WITH_KEYS && !key)
                return 0;

        station_page_style_row(page, page->rows - 1, STYLE_REVERSE);
        station_page_put(page, page->rows - 1, 1, page->columns, STYLE_REVERSE | (key ? STYLE_BOLD : 0),
                         text);
        if (!key)
                station_page_put(page, page->rows - 1, 1 + station_text_columns(text), page->columns,
                                 STYLE_REVERSE, "Up/Down: another job   q: Quit");
        return 0;
}

int station_view(const StationModel *model, StationPage *page) {
        _cleanup_free_ char *sentence = station_sentence(model), *service = station_service_text(model);
        bool small = page->rows < ROWS_WITH_STEPS;
        unsigned row = 0, last = page->rows >= ROWS_WITH_KEYS ? page->rows - 1 : page->rows;
        const char *problem = station_problem(model);
        StationJob job;

        if (!sentence || !service)
                return -ENOMEM;
        if (page->rows == 0 || page->columns == 0)
                return 0;

        if (page->rows >= ROWS_WITH_TITLE) {
                put_title(model, page, service);
                row = 1;
        }

        if (page->rows >= ROWS_WITH_HEADLINE || !*sentence)
                row = put_headline(page, row, station_headline(model));
        row += station_page_put_paragraph(page, row, small ? last - MIN_OF(row, last) : 3, STYLE_BOLD,
                                          sentence);
        if (row < last)
                row += station_page_put_paragraph(page, row, MIN_OF(last - row, small ? 1U : 3U), STYLE_BAD,
                                                  problem);
        if (!small && row + 3 <= last && station_model_current(model, &job))
                row = put_job(page, row, &job);
        row += last > row + STATION_JOBS_SHOWN + 1; /* an empty row, where all jobs fit below it */
        if (row < last)
                put_lists(model, page, row, last - row);

        return put_keys(model, page);
}
