/* SPDX-License-Identifier: GPL-3.0-or-later */
/* icreissuectl, the service on the command line: the table of commands, help, and from the command line to the
 * command. What a command does is in command-*.c. */
#include <locale.h>

#include "client/commands.h"
#include "file/record.h"

#ifndef ICREISSUE_VERSION
#define ICREISSUE_VERSION "(unknown version)"
#endif

#define PLACE_OPTIONS (OPTION_CONFIG | OPTION_DATA)
#define JOB_OPTIONS \
        (OPTION_REQUEST | OPTION_REASON | OPTION_CARD_TYPE | OPTION_DESIGN | OPTION_NO_PRINT | OPTION_NO_WAIT)

/* name, action, words that must and may follow, options, whether it needs no bus, function, usage, summary */
static const CommandRow commands[] = {
        { "status", NULL, 0, 0, 0, false, command_status, "", "The service, its readers, its open jobs" },
        { "readers", NULL, 0, 0, 0, false, command_readers, "", "The readers and what is in them" },
        { "read", NULL, 0, 1, 0, false, command_read, "[READER]", "Type and ID of a card" },
        { "record", "list", 0, 0, OPTION_TYPE, false, command_record_list, "[--type TYPE]", "All records" },
        { "record", "show", 2, 2, 0, false, command_record_show, "TYPE ID", "One record with its history" },
        { "record", "find", 2, 2, 0, false, command_record_find, "FIELD VALUE",
          "Records by a holder, a number ..." },
        { "record", "put", 0, 1, 0, false, command_record_put, "[FILE|-]",
          "Enrols or changes a record, given as JSON" },
        { "record", "remove", 2, 2, 0, false, command_record_remove, "TYPE ID", "Removes a record" },
        { "record", "import", 1, 1, OPTION_MODE | OPTION_NO_WAIT, false, command_record_import,
          "FILE|- [--mode add|merge|replace] [--no-wait]", "Enrols records, given as JSON Lines" },
        { "record", "export", 1, 1, OPTION_TYPE | OPTION_SEALED | OPTION_NO_WAIT, false,
          command_record_export, "FILE|- [--type TYPE] [--sealed] [--no-wait]",
          "Writes records as JSON Lines" },
        { "request", NULL, 2, 2, OPTION_REASON, false, command_request, "TYPE ID --reason REASON",
          "Requests a reissue" },
        { "withdraw", NULL, 2, 2, 0, false, command_withdraw, "TYPE ID", "Withdraws a request" },
        { "reissue", NULL, 0, 2, JOB_OPTIONS | OPTION_DISCARD, false, command_reissue,
          "[SOURCE [TARGET]] [--card-type TYPE] [--request --reason REASON] [--design DESIGN] [--no-print] [--discard] [--no-wait]",
          "Reissues the card in a reader" },
        { "issue", NULL, 0, 3, JOB_OPTIONS | OPTION_LIST | OPTION_REQUESTED, false, command_issue,
          "TYPE ID [TARGET] [--card-type TYPE] [--request --reason REASON] [--design DESIGN] [--no-print] | --list FILE|- [TARGET] | --requested [TARGET] [--no-wait]",
          "Issues cards from records" },
        { "discard", NULL, 0, 1, OPTION_NO_WAIT, false, command_discard, "[READER] [--no-wait]",
          "Ends an old card and has it destroyed" },
        { "discarded", "list", 0, 0, 0, false, command_discarded_list, "",
          "Old cards that were, or are to be, destroyed" },
        { "discarded", "confirm", 1, 1, 0, false, command_discarded_confirm, "JOB",
          "Says that you have destroyed an old card" },
        { "jobs", NULL, 0, 0, 0, false, command_jobs, "", "Open and lately finished jobs" },
        { "job", "show", 1, 1, 0, false, command_job_show, "JOB", "A job and what was compared" },
        { "job", "follow", 1, 1, 0, false, command_job_follow, "JOB", "Follows a job to its end" },
        { "job", "cancel", 1, 1, 0, false, command_job_cancel, "JOB", "Cancels a job" },
        { "job", "retry", 1, 1, 0, false, command_job_retry, "JOB", "Begins a failed job anew" },
        { "job", "pause", 1, 1, 0, false, command_job_pause, "JOB", "Lets a batch begin no further card" },
        { "job", "resume", 1, 1, 0, false, command_job_resume, "JOB", "Lets a paused batch go on" },
        { "receipt", NULL, 1, 1, OPTION_OUTPUT, false, command_receipt, "JOB [--output FILE|-]",
          "The receipt for the holder of a new card" },
        { "store", "check", 0, 0, OPTION_NO_WAIT, false, command_store_check, "[--no-wait]",
          "Verifies all records, jobs and indexes" },
        { "store", "backup", 1, 1, OPTION_NO_WAIT, false, command_store_backup, "DIR [--no-wait]",
          "Copies the store into a directory" },
        { "store", "rotate-key", 0, 0, OPTION_NO_WAIT, false, command_store_rotate_key, "[--no-wait]",
          "Seals everything under the newest key" },
        { "types", NULL, 0, 0, 0, false, command_types, "", "The card types and what can be done with them" },
        { "design", "list", 0, 0, 0, false, command_design_list, "", "The designs that new cards can have" },
        { "design", "show", 1, 1, 0, false, command_design_show, "DESIGN",
          "Which card types a design fits, which fields it shows" },
        { "design", "preview", 1, 3, OPTION_OUTPUT, false, command_design_preview,
          "DESIGN [TYPE ID] [--output FILE|-]", "Shows what a card would look like" },
        { "profile", "check", 1, 1, PLACE_OPTIONS, true, command_profile_check,
          "FILE [--config DIR] [--data DIR]", "Explains a card profile, finds its mistakes" },
        { "profile", "test", 1, 1, PLACE_OPTIONS | OPTION_READER | OPTION_TRACE, true, command_profile_test,
          "FILE [--reader READER] [--trace] [--config DIR] [--data DIR]",
          "Tries on a card what of a profile only reads" },
        { "profile", "new", 0, 2, OPTION_DATA, true, command_profile_new, "[KIND [FILE|-]] [--data DIR]",
          "Begins a profile from a template" },
        { "line", "setup", 2, 2, 0, true, command_line_setup, "NAME HOST[:PORT]",
          "At a branch: makes its key, says what the centre must do" },
        { "line", "status", 0, 0, 0, false, command_line_status, "",
          "Whether the centre answers, what waits for it" },
        { "branch", "list", 0, 0, 0, false, command_branch_list, "",
          "At a centre: its branches, what they have open" },
        { "branch", "add", 2, 4, 0, true, command_branch_add, "NAME KEY",
          "At a centre: lets a branch's key in" },
        { "branch", "remove", 1, 1, 0, true, command_branch_remove, "NAME",
          "At a centre: takes a branch's key back" },
        { "monitor", NULL, 0, 0, 0, false, command_monitor, "", "Shows what happens, until Ctrl-C" },
        { "station", NULL, 0, 0, 0, false, command_station, "",
          "A display of readers and jobs for the desk, on the whole terminal" },
        { "reload", NULL, 0, 0, 0, false, command_reload, "", "Re-reads configuration and profiles" },
        { "automatic", NULL, 1, 1, 0, false, command_automatic, "on|off", "Switches automatic mode" },
};

static const char options_help[] =
        "Options:\n"
        "  -j, --json      JSON instead of tables; JSON Lines where it goes on\n"
        "  -q, --quiet     only results and errors\n"
        "  -h, --help      this help, also after a command\n"
        "      --version   the version\n"
        "\n"
        "Exit status: 0 done, 1 failed, 2 usage, 3 not found, 4 access denied,\n"
        "5 refused by state, 6 card or reader, 7 file, line or profile, 8 no service.\n"
        "The whole manual: man icreissuectl\n";

static void print_usage(const CommandRow *command) {
        printf("  %s%s%s%s%s\n", command->name, command->action ? " " : "", command->action ?: "",
               *command->usage ? " " : "", command->usage);
        printf("      %s\n", command->summary);
}

/* Help on one command, on all that begin with the first word, or on everything. */
static int print_help(const Arguments *arguments) {
        const char *name = arguments_word(arguments, 0, NULL);

        puts("Usage: icreissuectl [OPTION...] COMMAND ...\n");
        for (size_t i = 0; i < ELEMENTS(commands); i++) {
                const CommandRow *command = &commands[i];

                if (arguments->command ? arguments->command == command : !name || streq(command->name, name))
                        print_usage(command);
        }

        printf("\n%s", options_help);
        return STATUS_DONE;
}

static int run_command(const Arguments *arguments) {
        Client client = { .arguments = arguments };
        int status = STATUS_DONE;

        if (!arguments->command->local)
                status = client_connect(&client);
        if (status == STATUS_DONE)
                status = arguments->command->run(&client, arguments);

        sd_bus_flush_close_unref(client.bus);
        return status;
}

/* What could not be written to standard output was not done, whatever the service did. */
static int check_output(int status) {
        if ((ferror(stdout) || fflush(stdout) != 0) && status == STATUS_DONE) {
                fputs("icreissuectl: The output could not be written.\n", stderr);
                return STATUS_FAILED;
        }

        return status;
}

int main(int argc, char **argv) {
        _cleanup_free_ char *message = NULL;
        Arguments arguments = {};
        int status;

        setlocale(LC_ALL, "");
        record_erase_json_memory();

        if (arguments_parse(argc, argv, commands, ELEMENTS(commands), &arguments, &message) < 0) {
                fprintf(stderr, "icreissuectl: %s\n", message ?: "There is not enough memory.");
                return STATUS_USAGE;
        }

        if (arguments.help)
                status = print_help(&arguments);
        else if (arguments.version) {
                puts("icreissuectl " ICREISSUE_VERSION);
                status = STATUS_DONE;
        } else
                status = run_command(&arguments);

        return check_output(status);
}
