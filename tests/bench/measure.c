/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clock, medians, records, memory, folders. */
#include "tests/bench/measure.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

void die(const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fputc('\n', stderr);
        exit(EXIT_FAILURE);
}

double now(void) {
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (double) time.tv_sec * 1e3 + (double) time.tv_nsec / 1e6;
}

/* splitmix64 */
uint64_t random_next(Random *random) {
        uint64_t x = random->state += 0x9E3779B97F4A7C15;

        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
}

/* --- records --- */

/* By hand: a printf() would be a good part of what is measured. */
const char *bench_key(uint64_t number, char ret[static RECORD_KEY_SIZE]) {
        memcpy(ret, "staff/0000000000", 17);
        for (size_t i = 15; number > 0; i--, number /= 10)
                ret[i] = (char) ('0' + number % 10);

        return ret;
}

void bench_value(uint64_t number, uint64_t version, uint8_t ret[static RECORD_SIZE]) {
        Random random = { number ^ version << 40 };
        uint64_t words[RECORD_SIZE / sizeof(uint64_t)];

        words[0] = number;
        for (size_t i = 1; i < ELEMENTS(words); i++)
                words[i] = random_next(&random);
        memcpy(ret, words, RECORD_SIZE);
}

bool bench_is_value(uint64_t number, const uint8_t *value) {
        return memcmp(value, &number, sizeof(number)) == 0;
}

static void write_line(FILE *file, uint64_t number) {
        static const char head[] = "{\"count\":1,\"fields\":{\"holder\":\"",
                          tail[] = "\"},\"flag\":\"issued\",";
        char key[RECORD_KEY_SIZE], holder[RECORD_SIZE];
        Random random = { number };
        int length;

        length = RECORD_SIZE -
                 (int) (strlen(head) + strlen(tail) + strlen("\"id\":\"0000000000\",\"type\":\"staff\"}"));
        for (int i = 0; i < length; i++)
                holder[i] = (char) ('a' + random_below(&random, 26));

        fprintf(file, "%s%.*s%s\"id\":\"%s\",\"type\":\"staff\"}\n", head, length, holder, tail,
                bench_key(number, key) + strlen("staff/"));
}

/* number * odd + constant modulo the next power of two goes through all of them, in no order. */
void bench_write_lines(const char *path, uint64_t count) {
        FILE *file = fopen(path, "we");
        uint64_t modulus = 1;

        if (!file)
                die("%s: %m", path);

        while (modulus < count)
                modulus *= 2;
        for (uint64_t i = 0; i < modulus; i++) {
                uint64_t number = (i * 0x9E3779B1 + 12345) & (modulus - 1);

                if (number < count)
                        write_line(file, number);
        }

        if (fclose(file) != 0)
                die("%s: %m", path);
}

/* --- series --- */

void series_add(Series *series, double value) {
        if (series->count < ROUNDS_MAX)
                series->values[series->count++] = value;
}

static int compare_numbers(const void *a, const void *b) {
        double first = *(const double *) a, second = *(const double *) b;

        return (first > second) - (first < second);
}

double series_median(const Series *series) {
        Series sorted = *series;

        if (sorted.count == 0)
                return 0;

        qsort(sorted.values, sorted.count, sizeof(double), compare_numbers);
        return (sorted.values[(sorted.count - 1) / 2] + sorted.values[sorted.count / 2]) / 2;
}

double series_max(const Series *series) {
        double most = 0;

        for (unsigned i = 0; i < series->count; i++)
                most = MAX_OF(most, series->values[i]);

        return most;
}

void print_line(const char *name, const char *unit, const Series *ours, const char *reference,
                const Series *theirs) {
        double value = series_median(ours), reference_value = series_median(theirs);

        printf("{\"name\": \"store/%s\", \"value\": %.6g, \"unit\": \"%s\", \"reference\": \"%s\", "
               "\"reference-value\": %.6g, \"ratio\": %.3f, \"runs\": %u}\n",
               name, value, unit, reference, reference_value,
               reference_value > 0 ? value / reference_value : 0, ours->count);
        fflush(stdout);
}

/* --- memory --- */

double memory_of(const char *line) {
        FILE *status = fopen("/proc/self/status", "re");
        size_t length = strlen(line);
        double value = 0;
        char text[256];

        if (!status)
                die("/proc/self/status: %m");

        while (fgets(text, sizeof(text), status))
                if (strncmp(text, line, length) == 0 && text[length] == ':')
                        value = strtod(text + length + 1, NULL);
        fclose(status);
        return value;
}

struct MemoryWatch {
        pthread_t thread;
        pthread_mutex_t mutex;
        pthread_cond_t wake;
        bool end;
        double most;
};

static void *watch_thread(void *userdata) {
        MemoryWatch *watch = userdata;

        pthread_mutex_lock(&watch->mutex);
        while (!watch->end) {
                struct timespec until;

                watch->most = MAX_OF(watch->most, memory_of("RssAnon"));
                clock_gettime(CLOCK_REALTIME, &until);
                until.tv_nsec += 20000000;
                if (until.tv_nsec >= 1000000000) {
                        until.tv_nsec -= 1000000000;
                        until.tv_sec++;
                }
                pthread_cond_timedwait(&watch->wake, &watch->mutex, &until);
        }

        pthread_mutex_unlock(&watch->mutex);
        return NULL;
}

MemoryWatch *memory_watch_begin(void) {
        MemoryWatch *watch = new0(MemoryWatch, 1);

        if (!watch)
                die("no memory");

        pthread_mutex_init(&watch->mutex, NULL);
        pthread_cond_init(&watch->wake, NULL);
        if (pthread_create(&watch->thread, NULL, watch_thread, watch) != 0)
                die("no thread");

        return watch;
}

double memory_watch_end(MemoryWatch *watch) {
        double most;

        pthread_mutex_lock(&watch->mutex);
        watch->end = true;
        pthread_cond_signal(&watch->wake);
        pthread_mutex_unlock(&watch->mutex);
        pthread_join(watch->thread, NULL);
        most = watch->most;
        free(watch);
        return most;
}

/* --- folders --- */

char *folder_make(const char *directory, const char *name) {
        char *path;

        if (asprintf(&path, "%s/%s", directory, name) < 0)
                die("no memory");
        if (mkdir(path, 0700) < 0)
                die("%s: %m", path);

        return path;
}

static int remove_entry(const char *path, _unused_ const struct stat *status, _unused_ int type,
                        _unused_ struct FTW *place) {
        return remove(path);
}

void folder_remove(const char *path) {
        (void) nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

typedef void (*FolderEach)(int descriptor, void *userdata);

static void folder_each(const char *path, FolderEach each, void *userdata) {
        DIR *stream = opendir(path);

        if (!stream)
                die("%s: %m", path);

        for (struct dirent *entry; (entry = readdir(stream));) {
                _cleanup_close_ int descriptor = -1;

                descriptor = openat(dirfd(stream), entry->d_name, O_RDONLY | O_CLOEXEC);
                if (entry->d_type == DT_REG && descriptor >= 0)
                        each(descriptor, userdata);
        }
        closedir(stream);
}

static void add_size(int descriptor, void *userdata) {
        struct stat status;

        if (fstat(descriptor, &status) == 0)
                *(double *) userdata += 512 * (double) status.st_blocks;
}

double folder_size(const char *path) {
        double size = 0;

        folder_each(path, add_size, &size);
        return size;
}

static void warm_file(int descriptor, void *userdata) {
        while (read(descriptor, userdata, 1 << 20) > 0)
                continue;
}

void folder_sync(const char *path) {
        _cleanup_close_ int descriptor = -1;

        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (descriptor < 0 || syncfs(descriptor) < 0)
                die("%s: %m", path);
}

void folder_warm(const char *path) {
        _cleanup_free_ char *buffer = malloc(1 << 20);

        if (!buffer)
                die("no memory");

        folder_each(path, warm_file, buffer);
}
