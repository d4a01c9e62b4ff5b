/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store beside SQLite (WAL, synchronous=FULL), LMDB (durable) and plain GDBM with gdbm_sync(): the same
 * records (512 bytes), the same folder, in turns within one run. What is compared:
 *
 * update          One durable update after the other. All of them sync once for each; GDBM alone does not
 *                 survive a crash in the middle.
 * update-16       16 in flight, as each one's users have them. Ours: 16 tasks of the store thread, which its
 *                 group commit answers together. The others: 16 threads, each with a connection and a durable
 *                 transaction of its own, since none of them shares a sync between transactions.
 * update-group    16 changes in one transaction, for a program that could group by itself what is its own.
 * lookup          Records at random by their keys, out of warm files, each copied out, on one thread. LMDB's
 *                 read transaction is renewed and SQLite's statement reset for each, since a lookup must see
 *                 what was committed before it. Ours verifies each value's checksum, the others have none.
 * load            All records into an empty one, durable at the end. The others are given them in the order of
 *                 their keys, which is the best that they can get; ours sorts into its own order first, within
 *                 the time. What ours does afterwards in the background, the copy to its second file, is not
 *                 in it.
 * import          The same from a file of JSON Lines in random order, through the issuance file's import,
 *                 which checks every record and makes its index; no field is secret or searched for. SQLite:
 *                 each line parsed by the same library, and inserted.
 * import-memory   The highest RssAnon (memory that is not pages of files) while importing, each in a process
 *                 of its own.
 * start           open() and the first lookup after a kill -9 right after 40,000 updates in one commit, which
 *                 leave the log (SQLite: the WAL) full. LMDB has no log.
 * size            Bytes on the disk after loading and closing. Ours keeps two files, so that one is always
 *                 whole.
 * longest         The longest time that a change of 16 records took, from the first apply to the end of the
 *                 commit, while checkpoints ran all the time; beside it the longest fdatasync() of a bare file
 *                 to which the same bytes are appended, at the same time on the same disk, by another thread.
 * longest-p99     Of the same times, what 99 of 100 stay below.
 * memory          RssAnon of a process after 100,000 random lookups and 20,000 updates.
 *
 * Arguments choose some of these; BENCH_RECORDS how many records ("100000 1000000"); BENCH_REFERENCES what
 * they are compared with ("sqlite-wal-full lmdb gdbm-sync"); TMPDIR, else ICREISSUE_BUILD, where they lie: on
 * a disk, or nothing here means anything. */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "tests/bench/engine.h"

enum {
        SLICE = 300, /* ms of updates in one round */
        ROUNDS = 7,
        LOOKUPS = 200000, /* of one round */
        LOG_FULL = 40000, /* updates before the crash */
        LONGEST_SLICE = 2000,
        TMPFS = 0x01021994,
};

static const Engine *const references[] = { &engine_sqlite, &engine_lmdb, &engine_gdbm };

typedef struct Bench {
        const char *directory;
        char **chosen; /* NULL: all */
        uint64_t records;
        Random random;
} Bench;

/* Ours and a reference, each with its folder, open. */
typedef struct Pair {
        Bench *bench;
        const Engine *kinds[2]; /* ours, the reference */
        char *folders[2];
        void *engines[2];
} Pair;

typedef struct Figures {
        Series series[2];
} Figures;

static bool is_chosen(const Bench *bench, const char *name) {
        if (!bench->chosen || !bench->chosen[0])
                return true;

        for (char **chosen = bench->chosen; *chosen; chosen++)
                if (streq(*chosen, name))
                        return true;

        return false;
}

static bool is_big(const Bench *bench) {
        return bench->records > 1000000;
}

/* "NAME" or, with the number of records, "NAME-100k". */
static void print_figures(const Pair *pair, const char *name, const char *unit, const Figures *figures) {
        uint64_t records = pair->bench->records;
        char text[64];

        if (records % 1000000 == 0)
                snprintf(text, sizeof(text), "%s-%lluM", name, (unsigned long long) records / 1000000);
        else
                snprintf(text, sizeof(text), "%s-%lluk", name, (unsigned long long) records / 1000);
        print_line(text, unit, &figures->series[0], pair->kinds[1]->name, &figures->series[1]);
}

/* --- one after the other --- */

static void pair_open(Pair *pair) {
        for (size_t i = 0; i < 2; i++)
                pair->engines[i] = pair->kinds[i]->open(pair->folders[i], CROWD);
}

static void pair_close(Pair *pair) {
        for (size_t i = 0; i < 2; i++)
                pair->kinds[i]->close(pair->engines[i]);
}

static void pair_remove(Pair *pair) {
        for (size_t i = 0; i < 2; i++) {
                folder_remove(pair->folders[i]);
                free(pair->folders[i]);
        }
}

/* One load where there are many records, for the time that it takes. The last one stays. */
static void pair_load(Pair *pair) {
        unsigned rounds = pair->bench->records > 100000 || !is_chosen(pair->bench, "load") ? 1 : 3;
        Figures figures = {}, sizes = {};

        for (unsigned round = 0; round < rounds; round++) {
                if (round > 0)
                        pair_remove(pair);

                for (size_t i = 0; i < 2; i++) {
                        double took;

                        pair->folders[i] = folder_make(pair->bench->directory, pair->kinds[i]->name);
                        folder_sync(pair->bench->directory);
                        took = pair->kinds[i]->load(pair->folders[i], pair->bench->records);
                        series_add(&figures.series[i], (double) pair->bench->records * 1e3 / took);
                        series_add(&sizes.series[i], folder_size(pair->folders[i]) / (1 << 20));
                }
        }

        if (is_chosen(pair->bench, "load"))
                print_figures(pair, "load", "1/s", &figures);
        if (is_chosen(pair->bench, "size"))
                print_figures(pair, "size", "MiB", &sizes);
}

typedef double (*Measure)(Pair *pair, size_t i);

/* In turns; the first round is not counted. */
static void pair_measure(Pair *pair, const char *name, const char *unit, unsigned rounds, Measure measure) {
        Figures figures = {};

        for (unsigned round = 0; round < rounds + 1; round++)
                for (size_t i = 0; i < 2; i++) {
                        double value = measure(pair, i);

                        if (round > 0)
                                series_add(&figures.series[i], value);
                }

        print_figures(pair, name, unit, &figures);
}

static double measure_update(Pair *pair, size_t i) {
        Random *random = &pair->bench->random;
        double start = now(), end;
        uint64_t count = 0;

        for (end = start; end < start + SLICE; end = now(), count++)
                pair->kinds[i]->update(pair->engines[i], 0, random_below(random, pair->bench->records),
                                       random_next(random));

        return (double) count * 1e3 / (end - start);
}

static double measure_crowd(Pair *pair, size_t i) {
        double start = now();
        uint64_t count;

        count = pair->kinds[i]->crowd(pair->engines[i], pair->bench->records, start + SLICE);
        return (double) count * 1e3 / (now() - start);
}

static double measure_group(Pair *pair, size_t i) {
        double start = now(), end;
        uint64_t count = 0;

        for (end = start; end < start + SLICE; end = now(), count += CROWD)
                pair->kinds[i]->update_group(pair->engines[i], &pair->bench->random, pair->bench->records,
                                             CROWD);

        return (double) count * 1e3 / (end - start);
}

static double measure_lookup(Pair *pair, size_t i) {
        uint8_t value[RECORD_SIZE];
        double start = now();

        for (unsigned n = 0; n < LOOKUPS; n++) {
                uint64_t number = random_below(&pair->bench->random, pair->bench->records);

                pair->kinds[i]->fetch(pair->engines[i], number, value);
                if (!bench_is_value(number, value))
                        die("%s gave another record", pair->kinds[i]->name);
        }

        return LOOKUPS * 1e3 / (now() - start);
}

static void pair_run(Pair *pair) {
        Bench *bench = pair->bench;

        folder_sync(bench->directory);
        pair_open(pair);
        if (is_chosen(bench, "lookup")) {
                for (size_t i = 0; i < 2; i++)
                        folder_warm(pair->folders[i]);
                pair_measure(pair, "lookup", "1/s", ROUNDS, measure_lookup);
        }

        if (!is_big(bench) && is_chosen(bench, "update"))
                pair_measure(pair, "update", "1/s", ROUNDS, measure_update);
        if (!is_big(bench) && is_chosen(bench, "update-16"))
                pair_measure(pair, "update-16", "1/s", ROUNDS, measure_crowd);
        if (!is_big(bench) && is_chosen(bench, "update-group"))
                pair_measure(pair, "update-group", "1/s", ROUNDS, measure_group);
        pair_close(pair);
}

/* --- in processes of their own --- */

/* What `store --child NAME ENGINE FOLDER RECORDS` has printed. */
static double run_child(Pair *pair, size_t i, const char *name) {
        char records[32],
                *arguments[] = { "store",          "--child", (char *) name, (char *) pair->kinds[i]->name,
                                 pair->folders[i], records,   NULL };
        posix_spawn_file_actions_t actions;
        char text[64] = "";
        int pipes[2], status;
        pid_t child;

        snprintf(records, sizeof(records), "%llu", (unsigned long long) pair->bench->records);
        posix_spawn_file_actions_init(&actions);
        if (pipe2(pipes, O_CLOEXEC) < 0 ||
            posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO) ||
            posix_spawn(&child, "/proc/self/exe", &actions, NULL, arguments, environ))
                die("no child: %m");

        close(pipes[1]);
        if (read(pipes[0], text, sizeof(text) - 1) < 1)
                die("%s, %s: no answer", name, pair->kinds[i]->name);

        close(pipes[0]);
        waitpid(child, &status, 0);
        posix_spawn_file_actions_destroy(&actions);
        return strtod(text, NULL);
}

static void answer(double value) {
        printf("%.6f\n", value);
        fflush(stdout);
}

static void child_crash(const Engine *kind, const char *folder, uint64_t records) {
        Random random = { records };
        void *engine = kind->open(folder, 1);

        kind->update_group(engine, &random, records, LOG_FULL);
        answer(0);
        kill(getpid(), SIGKILL);
}

static void child_memory(const Engine *kind, const char *folder, uint64_t records) {
        Random random = { records };
        uint8_t value[RECORD_SIZE];
        void *engine = kind->open(folder, 1);

        for (unsigned i = 0; i < 100000; i++)
                kind->fetch(engine, random_below(&random, records), value);
        for (unsigned i = 0; i < 20000; i += 100)
                kind->update_group(engine, &random, records, 100);

        answer(memory_of("RssAnon") / 1024);
        kind->close(engine);
}

static void child_import(const Engine *kind, const char *folder, bool memory) {
        _cleanup_free_ char *path = NULL;
        MemoryWatch *watch;
        double took;

        if (asprintf(&path, "%s/../lines", folder) < 0)
                die("no memory");

        watch = memory ? memory_watch_begin() : NULL;
        took = kind == &engine_store ? store_import(folder, path) : sqlite_import(folder, path);
        answer(watch ? memory_watch_end(watch) / 1024 : took);
}

static int child_main(char **arguments) {
        const Engine *kind = streq(arguments[1], engine_store.name) ? &engine_store : NULL;
        const char *name = arguments[0];
        uint64_t records = strtoull(arguments[3], NULL, 10);

        for (size_t i = 0; i < ELEMENTS(references); i++)
                if (streq(arguments[1], references[i]->name))
                        kind = references[i];

        if (streq(name, "crash"))
                child_crash(kind, arguments[2], records);
        else if (streq(name, "memory"))
                child_memory(kind, arguments[2], records);
        else
                child_import(kind, arguments[2], streq(name, "import-memory"));
        return EXIT_SUCCESS;
}

static double measure_start(Pair *pair, size_t i) {
        uint8_t value[RECORD_SIZE];
        double start, end;
        void *engine;

        run_child(pair, i, "crash");
        start = now();
        engine = pair->kinds[i]->open(pair->folders[i], 1);
        pair->kinds[i]->fetch(engine, 1, value);
        end = now();
        pair->kinds[i]->close(engine);
        return end - start;
}

static double measure_memory(Pair *pair, size_t i) {
        return run_child(pair, i, "memory");
}

static void pair_run_children(Pair *pair) {
        if (is_chosen(pair->bench, "start") && !is_big(pair->bench))
                pair_measure(pair, "start", "ms", 3, measure_start);
        if (is_chosen(pair->bench, "memory"))
                pair_measure(pair, "memory", "MiB", 1, measure_memory);
}

static void import_once(Pair *pair, Figures *figures, bool memory) {
        for (size_t i = 0; i < 2; i++) {
                double value;

                pair->folders[i] = folder_make(pair->bench->directory, pair->kinds[i]->name);
                value = run_child(pair, i, memory ? "import-memory" : "import");
                series_add(&figures->series[i], memory ? value : (double) pair->bench->records * 1e3 / value);
        }
        pair_remove(pair);
}

static void bench_import(Bench *bench) {
        Pair pair = { .bench = bench, .kinds = { &engine_store, &engine_sqlite } };
        Figures rates = {}, memories = {};
        _cleanup_free_ char *path = NULL;

        if (!is_chosen(bench, "import"))
                return;

        if (asprintf(&path, "%s/lines", bench->directory) < 0)
                die("no memory");

        bench_write_lines(path, bench->records);
        for (unsigned round = 0; round < (bench->records > 100000 ? 1 : 3); round++)
                import_once(&pair, &rates, false);
        print_figures(&pair, "import", "1/s", &rates);
        if (!is_big(bench)) {
                import_once(&pair, &memories, true);
                print_figures(&pair, "import-memory", "MiB", &memories);
        }
        unlink(path);
}

/* --- the longest commit --- */

static void bench_longest(Bench *bench) {
        static const Engine bare = { .name = "append-fdatasync" };
        Pair pair = { .bench = bench, .kinds = { &engine_store, &bare } };
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int descriptor = -1;
        Figures longest = {}, p99 = {};
        void *engine;

        if (!is_chosen(bench, "longest") || is_big(bench))
                return;

        for (size_t i = 0; i < 2; i++)
                pair.folders[i] = folder_make(bench->directory, pair.kinds[i]->name);
        if (asprintf(&path, "%s/bare", pair.folders[1]) < 0)
                die("no memory");

        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        engine_store.load(pair.folders[0], bench->records);
        engine = engine_store.open(pair.folders[0], 1);
        folder_sync(bench->directory);
        for (unsigned round = 0; round < 5; round++) {
                LongestTimes changes, syncs;

                longest_measure(engine, descriptor, &bench->random, bench->records, LONGEST_SLICE, &changes,
                                &syncs);
                series_add(&p99.series[0], changes.p99);
                series_add(&p99.series[1], syncs.p99);
                series_add(&longest.series[0], changes.longest);
                series_add(&longest.series[1], syncs.longest);
        }

        engine_store.close(engine);
        print_figures(&pair, "longest-p99", "ms", &p99);
        print_figures(&pair, "longest", "ms", &longest);
        fprintf(stderr, "Longest of all: a change %.1f ms, the bare fdatasync() %.1f ms.\n",
                series_max(&longest.series[0]), series_max(&longest.series[1]));
        pair_remove(&pair);
}

/* --- the run --- */

static bool is_reference_chosen(const Engine *reference) {
        const char *chosen = getenv("BENCH_REFERENCES");

        return !chosen || strstr(chosen, reference->name);
}

static bool needs_pairs(const Bench *bench) {
        static const char *const names[] = { "load",      "size",         "lookup", "update",
                                             "update-16", "update-group", "start",  "memory" };

        for (size_t i = 0; i < ELEMENTS(names); i++)
                if (is_chosen(bench, names[i]))
                        return true;

        return false;
}

static void bench_size(Bench *bench) {
        for (size_t i = 0; i < ELEMENTS(references) && needs_pairs(bench); i++) {
                Pair pair = { .bench = bench, .kinds = { &engine_store, references[i] } };

                if (!is_reference_chosen(references[i]))
                        continue;

                pair_load(&pair);
                pair_run(&pair);
                pair_run_children(&pair);
                pair_remove(&pair);
        }

        bench_import(bench);
        bench_longest(bench);
}

static int bench_main(const char *directory, char **chosen) {
        const char *text = getenv("BENCH_RECORDS");
        Bench bench = { .directory = directory, .chosen = chosen, .random = { 1 } };
        char *end;

        for (const char *p = text ? text : "100000 1000000"; *p; p = end) {
                bench.records = strtoull(p, &end, 10);
                if (end == p || bench.records < 1000)
                        die("BENCH_RECORDS are numbers of at least 1000: \"%s\"", p);

                bench_size(&bench);
                end += strspn(end, " ,");
        }

        return EXIT_SUCCESS;
}

static char *place_make(void) {
        const char *parent = getenv("TMPDIR");
        struct statfs status;
        char *path;

        if (!parent)
                parent = getenv("ICREISSUE_BUILD");
        if (!parent)
                parent = ".";
        if (statfs(parent, &status) < 0)
                die("%s: %m", parent);
        if (status.f_type == TMPFS)
                die("%s is in memory: let TMPDIR name a folder on a disk", parent);

        if (asprintf(&path, "%s/bench-store-XXXXXX", parent) < 0)
                die("no memory");
        if (!mkdtemp(path))
                die("%s: %m", path);

        return path;
}

/* The work is a child's, so that whatever ends it, what it leaves on the disk is removed. */
int main(int argc, char *argv[]) {
        _cleanup_free_ char *directory = NULL;
        int status = EXIT_FAILURE;
        pid_t child;

        if (argc == 6 && streq(argv[1], "--child"))
                return child_main(argv + 2);

        directory = place_make();
        child = fork();
        if (child == 0)
                return bench_main(directory, argv + 1);

        signal(SIGINT, SIG_IGN);
        signal(SIGTERM, SIG_IGN);
        if (child < 0 || waitpid(child, &status, 0) < 0)
                status = EXIT_FAILURE;

        folder_remove(directory);
        return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
