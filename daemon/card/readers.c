/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of the desk's readers: who comes, who goes, who is told. What happens in one reader is
 * reader.c's, what pcscd says reader-watch.c's. */
#include <fnmatch.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/log.h"
#include "card/reader-private.h"

static bool is_ours(const Readers *readers, const char *pcsc_name) {
        for (size_t i = 0; i < readers->name_count; i++)
                if (fnmatch(readers->names[i].pattern, pcsc_name, 0) == 0)
                        return true;

        return readers->name_count == 0;
}

static Reader *find_by_pcsc_name(const Readers *readers, const char *pcsc_name) {
        for (size_t i = 0; i < readers->count; i++)
                if (streq(readers->list[i]->pcsc_name, pcsc_name))
                        return readers->list[i];

        return NULL;
}

#define NOTIFY(readers, function, reader) \
        do { \
                for (size_t _i = 0; !(readers)->stopping && _i < (readers)->observer_count; _i++) \
                        if ((readers)->observers[_i].observer->function) \
                                (readers)->observers[_i].observer->function( \
                                        (reader), (readers)->observers[_i].userdata); \
        } while (false)

void readers_notify_changed(Reader *reader) {
        NOTIFY(reader->readers, reader_changed, reader);
}

void readers_notify_present(Reader *reader) {
        NOTIFY(reader->readers, card_present, reader);
}

void readers_notify_gone(Reader *reader) {
        NOTIFY(reader->readers, card_gone, reader);
}

static int list_append(Readers *readers, Reader *reader) {
        Reader **grown;

        grown = reallocarray(readers->list, readers->count + 1, sizeof(Reader *));
        if (!grown)
                return -ENOMEM;

        readers->list = grown;
        grown[readers->count++] = reader;
        return 0;
}

static void list_remove(Readers *readers, const Reader *reader) {
        size_t kept = 0;

        for (size_t i = 0; i < readers->count; i++)
                if (readers->list[i] != reader)
                        readers->list[kept++] = readers->list[i];

        readers->count = kept;
}

/* Without memory for it, a reader is taken with the next picture that has it. */
static void readers_add(Readers *readers, const WatchedReader *watched) {
        Reader *reader;

        if (reader_new(readers, watched, &reader) < 0)
                return;

        if (list_append(readers, reader) < 0) {
                reader_free(reader);
                return;
        }

        log_event(LOG_READER_ADDED, &(LogSubject){ .reader = reader->name }, "Reader \"%s\" is there.",
                  reader->name);
        NOTIFY(readers, reader_added, reader);
        reader_update(reader, watched, true);
        if (!watched->present)
                reader_probe_device(reader);
}

static int on_reap(sd_event_source *source _unused_, void *userdata) {
        Readers *readers = userdata;

        for (Reader **link = &readers->gone; *link;) {
                Reader *reader = *link;

                if (worker_pending(reader->worker) > 0 || reader->issue) {
                        link = &reader->next_gone;
                        continue;
                }

                *link = reader->next_gone;
                reader_free(reader);
        }

        return 0;
}

void readers_task_ended(Reader *reader) {
        if (reader->gone && !reader->readers->stopping)
                sd_event_source_set_enabled(reader->readers->reaper, SD_EVENT_ONESHOT);
}

/* The observers see it go at once; it is released when its thread has come back from pcscd. */
static void readers_remove(Readers *readers, Reader *reader) {
        reader_set_gone(reader);
        log_event(LOG_READER_REMOVED, &(LogSubject){ .reader = reader->name }, "Reader \"%s\" is gone.",
                  reader->name);
        NOTIFY(readers, reader_removed, reader);
        list_remove(readers, reader);
        reader->next_gone = readers->gone;
        readers->gone = reader;
        readers_task_ended(reader);
}

static const WatchedReader *picture_find(const WatchPicture *picture, const char *pcsc_name) {
        for (size_t i = 0; i < picture->count; i++)
                if (streq(picture->readers[i].name, pcsc_name))
                        return picture->readers + i;

        return NULL;
}

/* Said once, until it is over or another trouble. */
static void readers_set_trouble(Readers *readers, const WatchPicture *picture) {
        bool same = failure_is_set(&readers->trouble) == failure_is_set(&picture->trouble) &&
                    streq_null(readers->trouble.message, picture->trouble.message);

        if (same)
                return;

        failure_done(&readers->trouble);
        if (!failure_is_set(&picture->trouble))
                return;

        failure_set(&readers->trouble, picture->trouble.kind, "%s", failure_message(&picture->trouble));
        log_event(picture->refused ? LOG_PCSC_REFUSED : LOG_PCSC_UNAVAILABLE,
                  &(LogSubject){ .failure = &readers->trouble }, "There are no readers: %s",
                  failure_message(&readers->trouble));
}

static void on_picture(const WatchPicture *picture, void *userdata) {
        Readers *readers = userdata;

        readers_set_trouble(readers, picture);
        for (size_t i = readers->count; i > 0; i--) {
                Reader *reader = readers->list[i - 1];
                const WatchedReader *watched = picture_find(picture, reader->pcsc_name);

                if (!watched || watched->generation != reader->generation)
                        readers_remove(readers, reader);
        }

        for (size_t i = 0; i < picture->count; i++) {
                const WatchedReader *watched = picture->readers + i;
                Reader *reader = find_by_pcsc_name(readers, watched->name);

                if (reader)
                        reader_update(reader, watched, false);
                else if (is_ours(readers, watched->name))
                        readers_add(readers, watched);
        }
}

static int copy_names(Readers *readers, const ReaderName *names, size_t count) {
        readers->names = new0(ReaderName, count + 1);
        if (!readers->names)
                return -ENOMEM;

        for (size_t i = 0; i < count; i++) {
                ReaderName *copy = readers->names + readers->name_count++;

                *copy = (ReaderName){ .name = strdup(names[i].name),
                                      .pattern = strdup(names[i].pattern),
                                      .source = names[i].source,
                                      .target = names[i].target };
                if (!copy->name || !copy->pattern)
                        return -ENOMEM;
        }

        return 0;
}

/* On a reader's thread: readers_tell_refused() takes it from there. */
static void on_refused_added(const char *digest, void *userdata) {
        Readers *readers = userdata;
        char **grown;

        pthread_mutex_lock(&readers->refused_mutex);
        grown = reallocarray(readers->refused_new, readers->refused_new_count + 1, sizeof(char *));
        if (grown) {
                readers->refused_new = grown;
                grown[readers->refused_new_count] = strdup(digest);
                if (grown[readers->refused_new_count])
                        readers->refused_new_count++;
        }
        pthread_mutex_unlock(&readers->refused_mutex);
}

void readers_tell_refused(Readers *readers) {
        char **digests;
        size_t count;

        pthread_mutex_lock(&readers->refused_mutex);
        digests = TAKE_PTR(readers->refused_new);
        count = readers->refused_new_count;
        readers->refused_new_count = 0;
        pthread_mutex_unlock(&readers->refused_mutex);

        for (size_t i = 0; i < count; i++) {
                if (readers->refused_added)
                        readers->refused_added(digests[i], readers->refused_userdata);
                free(digests[i]);
        }

        free(digests);
}

int readers_set_refused(Readers *readers, Span digest_key, const char *const *digests, RefusedAdded added,
                        void *userdata) {
        Refused *refused = NULL;
        int r;

        for (size_t i = 0; i < readers->count; i++)
                if (readers->list[i]->issue)
                        return -EBUSY;

        r = refused_new(digest_key, on_refused_added, readers, &refused);
        if (r < 0)
                return r;

        for (; digests && *digests; digests++) {
                r = refused_restore(refused, *digests);
                if (r == -ENOMEM) {
                        refused_free(refused);
                        return r;
                }
        }

        refused_free(readers->refused);
        readers->refused = refused;
        readers->refused_added = added;
        readers->refused_userdata = userdata;
        return 0;
}

/* Until readers_set_refused(), what cards refuse is remembered under a key of this run. */
static int begin_refused(Readers *readers) {
        uint8_t key[READERS_REFUSED_KEY_SIZE];
        int r;

        if (getrandom(key, sizeof(key), 0) != (ssize_t) sizeof(key))
                return -EIO;

        r = readers_set_refused(readers, SPAN_OF_ARRAY(key), NULL, NULL, NULL);
        explicit_bzero(key, sizeof(key));
        return r;
}

int readers_new(sd_event *event, Catalogue *catalogue, KeyRing *keys, const ReaderName *names,
                size_t name_count, Readers **ret) {
        _cleanup_(readers_freep) Readers *readers = new0(Readers, 1);
        int r;

        if (!readers)
                return -ENOMEM;

        pthread_mutex_init(&readers->refused_mutex, NULL);
        readers->event = sd_event_ref(event);
        readers->catalogue = catalogue_ref(catalogue);
        readers->keys = key_ring_ref(keys);
        r = copy_names(readers, names, name_count);
        if (r >= 0)
                r = begin_refused(readers);
        if (r >= 0)
                r = sd_event_add_defer(event, &readers->reaper, on_reap, readers);
        if (r >= 0)
                r = sd_event_source_set_enabled(readers->reaper, SD_EVENT_OFF);
        if (r >= 0)
                r = reader_watch_new(event, on_picture, readers, &readers->watch);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(readers);
        return 0;
}

/* Has the reader's card operation end at its next safe moment, without waiting for it. */
static void reader_stop(Reader *reader) {
        if (reader->issue)
                card_issue_cancel(reader->issue);

        card_gate_close(reader->gate);
}

/* All are told to stop before the first is waited for. */
static void readers_stop(Readers *readers) {
        readers->stopping = true;
        for (size_t i = 0; i < readers->count; i++)
                reader_stop(readers->list[i]);
        for (Reader *reader = readers->gone; reader; reader = reader->next_gone)
                reader_stop(reader);

        reader_watch_free(readers->watch);
        for (size_t i = 0; i < readers->count; i++)
                reader_free(readers->list[i]);

        while (readers->gone) {
                Reader *reader = readers->gone;

                readers->gone = reader->next_gone;
                reader_free(reader);
        }

        free(readers->list);
}

Readers *readers_free(Readers *readers) {
        if (!readers)
                return NULL;

        readers_stop(readers);
        readers_tell_refused(readers);
        refused_free(readers->refused);
        sd_event_source_disable_unref(readers->reaper);
        for (size_t i = 0; i < readers->name_count; i++) {
                free(readers->names[i].name);
                free(readers->names[i].pattern);
        }

        free(readers->names);
        free(readers->observers);
        failure_done(&readers->trouble);
        catalogue_unref(readers->catalogue);
        key_ring_unref(readers->keys);
        sd_event_unref(readers->event);
        pthread_mutex_destroy(&readers->refused_mutex);
        free(readers);
        return NULL;
}

int readers_observe(Readers *readers, const ReadersObserver *observer, void *userdata) {
        Observer *grown;

        grown = reallocarray(readers->observers, readers->observer_count + 1, sizeof(Observer));
        if (!grown)
                return -ENOMEM;

        readers->observers = grown;
        grown[readers->observer_count++] = (Observer){ .observer = observer, .userdata = userdata };
        return 0;
}

void readers_set_catalogue(Readers *readers, Catalogue *catalogue, KeyRing *keys) {
        catalogue_ref(catalogue);
        catalogue_unref(readers->catalogue);
        readers->catalogue = catalogue;
        key_ring_ref(keys);
        key_ring_unref(readers->keys);
        readers->keys = keys;
}

Reader *readers_next(Readers *readers, Reader *reader) {
        if (!reader)
                return readers->count > 0 ? readers->list[0] : NULL;

        for (size_t i = 0; i + 1 < readers->count; i++)
                if (readers->list[i] == reader)
                        return readers->list[i + 1];

        return NULL;
}

static int no_reader(const Readers *readers, const char *name, Failure *failure) {
        _cleanup_free_ char *list = NULL;
        size_t size;
        FILE *stream;

        if (readers->count == 0)
                return failure_set(failure, FAILURE_NO_READER, "There is no reader at all: %s",
                                   failure_is_set(&readers->trouble) ? failure_message(&readers->trouble)
                                                                     : "Plug one in.");

        stream = open_memstream(&list, &size);
        if (!stream)
                return failure_no_memory(failure);

        for (size_t i = 0; i < readers->count; i++)
                fprintf(stream, "%s\"%s\"", i > 0 ? ", " : "", readers->list[i]->name);

        if (fclose(stream) != 0)
                return failure_no_memory(failure);

        return failure_set(failure, FAILURE_NO_READER, "There is no reader \"%s\"; there are: %s.", name,
                           list);
}

int readers_find(Readers *readers, const char *name, Reader **ret, Failure *failure) {
        for (size_t i = 0; i < readers->count; i++) {
                Reader *reader = readers->list[i];

                if (streq(reader->name, name) || streq(reader->pcsc_name, name) ||
                    streq(reader->label, name)) {
                        *ret = reader;
                        return 0;
                }
        }

        return no_reader(readers, name, failure);
}

const Failure *readers_trouble(const Readers *readers) {
        return &readers->trouble;
}
