/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration, DIRECTORY/icreissue.yaml (icreissue.yaml(5)). Every key has a default, so that the file may be
 * missing; an unknown key is a mistake. */
#ifndef ICREISSUE_BASE_CONFIG_H
#define ICREISSUE_BASE_CONFIG_H

#include "base/failure.h"

typedef enum Role {
        ROLE_STANDALONE, /* centre and branch in one */
        ROLE_CENTRE,     /* besides, branches extract from its issuance file */
        ROLE_BRANCH,     /* no issuance file: the centre's is reached over the line */
        _ROLE_MAX,
} Role;

typedef enum AutomaticMode {
        AUTOMATIC_NO,
        AUTOMATIC_YES,     /* a card whose record's flag says "unissued" is reissued as soon as it appears */
        AUTOMATIC_REQUEST, /* as well one whose flag says "issued": its reissue is requested first */
} AutomaticMode;

typedef enum ReaderRole {
        READER_BOTH,
        READER_SOURCE, /* old cards: no job takes a blank from it unless it was named */
        READER_TARGET, /* blanks: automatic mode begins nothing for a card in it */
} ReaderRole;

typedef struct ConfigReader {
        char *name;    /* how the desk calls it; goes into D-Bus properties and messages */
        char *pattern; /* fnmatch(3) pattern on the PC/SC reader name */
        ReaderRole role;
} ConfigReader;

/* At a centre: a branch that may use its line. */
typedef struct ConfigBranch {
        char *name;             /* as records' histories name it */
        char *account;          /* the Unix account that its SSH key belongs to, or a user's number */
        char **types;           /* card types that it may extract; NULL-terminated; NULL: all */
        unsigned cards_per_day; /* extractions; 0: no limit */
} ConfigBranch;

/* Which design new cards of a type have unless the job names one. */
typedef struct ConfigDesign {
        char *type;
        char *design;
} ConfigDesign;

/* What destroys old cards (mill/protocol.h). */
typedef struct ConfigMill {
        char *helper;     /* its program's name; default "manual" */
        char *reader;     /* the reader whose card it takes; NULL for "manual", which takes any */
        unsigned timeout; /* seconds for one card; 1..600, default 60 */
        char **arguments; /* --NAME=VALUE, from `options:`; NULL-terminated */
        size_t argument_count;
} ConfigMill;

typedef struct Config {
        Role role;
        char *centre; /* role branch: how messages name the centre; default "the centre" */
        ConfigBranch *branches;
        size_t branch_count;
        unsigned line_timeout; /* role branch: seconds for an answer of the centre; 1..600, default 30 */
        unsigned line_idle;    /* role branch: seconds without work until the line is let go; default 60 */
        char *station;         /* in the records' history; default: the host's name */
        ConfigReader *readers; /* empty: every reader is the desk's, under its PC/SC name */
        size_t reader_count;
        AutomaticMode automatic;
        unsigned job_limit;     /* open jobs, batches' children not counted; 1..100000, default 1000 */
        unsigned spoiled_limit; /* cards spoiled in a row in one reader before it stops; 1..100, default 3 */
        char *issuance_key; /* the key file, for where there is no credential; default DIRECTORY/issuance-key */
        unsigned idle_exit; /* seconds that nobody needs the service before it ends; 0: never; default 60 */
        bool two_person;    /* who requests a reissue may not be the one who carries it out */
        ConfigDesign *designs;
        size_t design_count;
        char *printer;         /* the card printer's queue in CUPS; NULL: there is none */
        bool receipt;          /* the holder gets one, with the issuance count */
        char *receipt_printer; /* its queue in CUPS; NULL: it is kept with the job */
        char *organisation;    /* what a design's {organisation} becomes; NULL: nothing */
        char *address;         /* likewise {address} */
        ConfigMill mill;
} Config;

const char *role_name(Role role); /* "standalone", ... Static. */

/* The design for cards of that type, borrowed; NULL where the configuration names none. */
const char *config_design(const Config *config, const char *type);

/* PROFILE_INVALID with file:line:column and what was expected; nothing is returned then. */
int config_load(const char *directory, Config **ret, Failure *failure);
Config *config_free(Config *config);
DEFINE_CLEANUP(Config *, config_free)

#endif
