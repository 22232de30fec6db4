/* parse.h - the program `/.paddock/parse`: scans and parses the documents of one read-only volume,
 * inside a sandbox (profile BOX_PARSE) that has the volume at /docs. Asker: rag.
 *
 * One request at a time, each answered by its frames up to the one that ends it. The program ends
 * at the end of its stdin. What it sends was made from files that users wrote and is as hostile as
 * they are.
 *
 *   SCAN  parse_scan -> ENTRY…, SCANNED: every file below the prefix in the order of the paths'
 *         bytes; what is not a regular file, or has a name that no path can hold, is counted only
 *   FILE  parse_file -> BLOCK…, END: the text in reading order, then what the file was. With
 *         `unless_hash` equal to the hash of the content: END {PARSE_SAME} alone.
 *   PACK  parse_pack -> PART…, PACKED: the published files of a model for embeddings as one packed
 *         file (rag/embed/pack.h), in pieces; worth nothing unless PACKED says so
 */
#pragma once
#include "link/frames.h"

enum parse_verb {
        PARSE_SCAN = 1,
        PARSE_FILE,
        PARSE_PACK,
        PARSE_ENTRY = 16,
        PARSE_SCANNED,
        PARSE_BLOCK,
        PARSE_END,
        PARSE_PART,
        PARSE_PACKED,
};
#define PARSE_TEXT_MAX 32768 /* of one block; a longer paragraph comes in several */
#define PARSE_HASH_LEN 32    /* first 128 bits of the content's SHA-256, in hex */

enum parse_kind {
        PARSE_TITLE = 1, /* of the document; at most one */
        PARSE_HEADING,   /* level 1 to 6 */
        PARSE_PARAGRAPH,
        PARSE_LIST,  /* one item of a list */
        PARSE_TABLE, /* rows a line, cells apart by " | " */
        PARSE_CODE,  /* lines kept as they are */
};
enum parse_status {
        PARSE_INDEXED = 1, /* all of it */
        PARSE_PARTIAL,     /* a limit or damage cut it: reason */
        PARSE_ENCRYPTED,
        PARSE_NO_TEXT,
        PARSE_UNSUPPORTED,
        PARSE_FAILED,
        PARSE_SAME, /* the content has the hash that was given */
};
/* "indexed" "partial" "encrypted" "no-text" "unsupported" "failed" "same"; "unknown" */
const char *parse_status_text(uint32_t status);

struct parse_scan {
        char prefix[PATH_TEXT_MAX + 1]; /* a folder or file; "" everything */
};
struct parse_entry {
        char path[PATH_TEXT_MAX + 1];
        uint64_t size, inode;
        int64_t mtime_ns, ctime_ns;
};
struct parse_scanned {
        uint32_t error;   /* 0, or a positive errno: the scan is then worth nothing */
        char reason[256]; /* one sentence when error is not 0 */
        uint64_t files;   /* ENTRYs sent */
        uint64_t skipped; /* links, devices, names that are not UTF-8 or too long */
};
struct parse_file {
        char path[PATH_TEXT_MAX + 1];
        char unless_hash[PARSE_HASH_LEN + 1]; /* "" = parse in any case */
};
struct parse_block {
        uint32_t kind;     /* enum parse_kind */
        uint32_t level;    /* of a heading, else 0 */
        uint32_t page;     /* from 1; 0 = the format has none */
        struct slice text; /* valid UTF-8 without control characters but \n and \t */
};
struct parse_end {
        uint32_t status;  /* enum parse_status */
        char reason[256]; /* "" only when indexed or same */
        char type[32];    /* "pdf" "html" "text" "markdown" "epub" …; "" unknown */
        char title[256];
        uint32_t pages;
        char hash[PARSE_HASH_LEN + 1]; /* "" when the file could not be read */
        uint64_t size, inode;          /* of the file that was read */
        int64_t mtime_ns, ctime_ns;
        uint32_t racy; /* 1: changed so lately that the same stamps may hide another change */
};
struct parse_pack {
        char folder[PATH_TEXT_MAX + 1]; /* where config.json is; "" the volume's root */
        char name[NAME_TEXT_MAX + 1];   /* of the model */
        char languages[64];
        uint32_t precision;            /* enum embed_precision */
        uint32_t given;                /* bit 0: `passage` is given, bit 1: `query` is */
        char passage[512], query[512]; /* what stands before a text; else as the files say */
};
struct parse_packed {
        uint32_t error; /* 0, or a positive errno */
        char reason[256];
};

extern const struct frame_spec parse_frames;
