/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SQLite as one is told to use it where a commit must be durable: journal_mode=WAL, synchronous=FULL, prepared
 * statements, a connection for each thread. Writers take turns at a mutex of the program's own: SQLite has one writer
 * at a time, and its busy handler sleeps, which would only make it slower. */
#include <jansson.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>

#include "tests/bench/engine.h"

typedef struct Connection {
        sqlite3 *database;
        sqlite3_stmt *put, *get, *begin, *commit;
} Connection;

typedef struct Sqlite {
        Connection connections[CROWD];
        unsigned count;
        pthread_mutex_t writing;
} Sqlite;

static void check(sqlite3 *database, int code, int expected) {
        if (code != expected)
                die("sqlite: %s", sqlite3_errmsg(database));
}

static sqlite3_stmt *prepare(sqlite3 *database, const char *text) {
        sqlite3_stmt *statement = NULL;

        check(database, sqlite3_prepare_v3(database, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL),
              SQLITE_OK);
        return statement;
}

static void connect(Connection *connection, const char *directory) {
        char path[512];

        snprintf(path, sizeof(path), "%s/records.sqlite", directory);
        check(NULL, sqlite3_open(path, &connection->database), SQLITE_OK);
        sqlite3_busy_timeout(connection->database, 60000);
        check(connection->database,
              sqlite3_exec(connection->database,
                           "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                           "CREATE TABLE IF NOT EXISTS record (key TEXT PRIMARY KEY, value BLOB NOT NULL);",
                           NULL, NULL, NULL),
              SQLITE_OK);
        connection->put =
                prepare(connection->database, "INSERT INTO record VALUES (?1, ?2) "
                                              "ON CONFLICT (key) DO UPDATE SET value = excluded.value");
        connection->get = prepare(connection->database, "SELECT value FROM record WHERE key = ?1");
        connection->begin = prepare(connection->database, "BEGIN IMMEDIATE");
        connection->commit = prepare(connection->database, "COMMIT");
}

static void disconnect(Connection *connection) {
        sqlite3_finalize(connection->put);
        sqlite3_finalize(connection->get);
        sqlite3_finalize(connection->begin);
        sqlite3_finalize(connection->commit);
        check(connection->database, sqlite3_close(connection->database), SQLITE_OK);
}

static void step(Connection *connection, sqlite3_stmt *statement) {
        check(connection->database, sqlite3_step(statement), SQLITE_DONE);
        sqlite3_reset(statement);
}

static void put(Connection *connection, const char *key, const void *value, size_t size) {
        sqlite3_bind_text(connection->put, 1, key, -1, SQLITE_STATIC);
        sqlite3_bind_blob(connection->put, 2, value, (int) size, SQLITE_STATIC);
        step(connection, connection->put);
}

static void put_record(Connection *connection, uint64_t number, uint64_t version) {
        uint8_t value[RECORD_SIZE];
        char key[RECORD_KEY_SIZE];

        bench_value(number, version, value);
        put(connection, bench_key(number, key), value, sizeof(value));
}

static void *sqlite_engine_open(const char *directory, unsigned threads) {
        Sqlite *sqlite = new0(Sqlite, 1);

        if (!sqlite)
                die("no memory");

        pthread_mutex_init(&sqlite->writing, NULL);
        for (sqlite->count = 0; sqlite->count < threads; sqlite->count++)
                connect(&sqlite->connections[sqlite->count], directory);

        return sqlite;
}

static void sqlite_engine_close(void *engine) {
        Sqlite *sqlite = engine;

        for (unsigned i = 0; i < sqlite->count; i++)
                disconnect(&sqlite->connections[i]);
        free(sqlite);
}

/* In the order of the keys, in one transaction. */
static double sqlite_load(const char *directory, uint64_t count) {
        Connection connection;
        double start = now();

        connect(&connection, directory);
        step(&connection, connection.begin);
        for (uint64_t i = 0; i < count; i++)
                put_record(&connection, i, 0);
        step(&connection, connection.commit);
        disconnect(&connection);
        return now() - start;
}

static void sqlite_fetch(void *engine, uint64_t number, void *ret) {
        Connection *connection = &((Sqlite *) engine)->connections[0];
        char key[RECORD_KEY_SIZE];

        sqlite3_bind_text(connection->get, 1, bench_key(number, key), -1, SQLITE_STATIC);
        check(connection->database, sqlite3_step(connection->get), SQLITE_ROW);
        if (sqlite3_column_bytes(connection->get, 0) != RECORD_SIZE)
                die("sqlite: a value of another size");

        memcpy(ret, sqlite3_column_blob(connection->get, 0), RECORD_SIZE);
        sqlite3_reset(connection->get);
}

static void sqlite_update(void *engine, unsigned thread, uint64_t number, uint64_t version) {
        Sqlite *sqlite = engine;

        pthread_mutex_lock(&sqlite->writing);
        put_record(&sqlite->connections[thread], number, version);
        pthread_mutex_unlock(&sqlite->writing);
}

static void sqlite_update_group(void *engine, Random *random, uint64_t records, unsigned count) {
        Connection *connection = &((Sqlite *) engine)->connections[0];

        step(connection, connection->begin);
        for (unsigned i = 0; i < count; i++)
                put_record(connection, random_below(random, records), random_next(random));
        step(connection, connection->commit);
}

static uint64_t sqlite_crowd(void *engine, uint64_t records, double end) {
        return crowd_of_threads(&engine_sqlite, engine, records, end);
}

static void import_line(Connection *connection, const char *line, size_t length) {
        json_t *record = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
        const char *type, *id;
        char key[256];

        type = json_string_value(json_object_get(record, "type"));
        id = json_string_value(json_object_get(record, "id"));
        if (!type || !id)
                die("a line is no record");

        snprintf(key, sizeof(key), "%s/%s", type, id);
        put(connection, key, line, length);
        json_decref(record);
}

/* The same lines, parsed by the same library, in the order in which they come. */
double sqlite_import(const char *directory, const char *path) {
        FILE *file = fopen(path, "re");
        Connection connection;
        double start = now();
        size_t allocated = 0;
        char *line = NULL;
        ssize_t length;

        if (!file)
                die("%s: %m", path);

        connect(&connection, directory);
        step(&connection, connection.begin);
        while ((length = getline(&line, &allocated, file)) > 0)
                import_line(&connection, line, (size_t) length - 1);
        step(&connection, connection.commit);
        disconnect(&connection);
        free(line);
        fclose(file);
        return now() - start;
}

const Engine engine_sqlite = {
        .name = "sqlite-wal-full",
        .open = sqlite_engine_open,
        .close = sqlite_engine_close,
        .load = sqlite_load,
        .fetch = sqlite_fetch,
        .update = sqlite_update,
        .update_group = sqlite_update_group,
        .crowd = sqlite_crowd,
};
