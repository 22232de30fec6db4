/* limits.h - the bounds of what comes from outside, each with its reason. What one file alone needs
 * (link/frames.h, link/files.h, link/parse.h, rag/parser.h, net/httpd.c) stands there. */
#pragma once

/* names and text */
#define NAME_TEXT_MAX   63   /* a DNS label: sandbox, volume, token, user names */
#define PATH_TEXT_MAX   1024 /* a path inside a volume: PATH_MAX with any root before it */
#define ID_TEXT_LEN     26   /* 130 bits in base 32, see base/id.h */
#define LABEL_TEXT_MAX  255  /* a human's free text about an object */
#define SOCKET_PATH_MAX 100  /* sockaddr_un has 108, the NUL included */

/* links between roles */
#define LINK_MESSAGE_MAX 65536 /* under the default socket buffer: one send never splits */
#define LINK_FDS_MAX     8     /* descriptors in one message; the kernel allows 253 */
#define LINK_FLIGHT_MAX  1024  /* requests one peer may have open before it gets -EBUSY */

/* HTTP */
#define HTTP_HEAD_MAX    32768        /* request line and headers */
#define HTTP_BODY_MAX    (4u << 20)   /* a JSON body; uploads are streamed and not held */
#define UPLOAD_BYTES_MAX (8ull << 30) /* one file put into a volume */

/* sandboxes */
#define ARGS_BYTES_MAX   (2u << 20) /* argv + environment of one command, the kernel's own limit */
#define ARGS_COUNT_MAX   4096       /* strings in argv and, apart, in the environment */
#define ARGS_KEPT_MAX    4096 /* bytes of argv in a stored job: a list has a thousand of them */
#define BOX_MEMORY_MIN   (4ull << 20)  /* init and a small program; below, nothing starts */
#define BOX_BYTES_MAX    (1ull << 42)  /* 4 TiB of memory or disk: a mistake in units */
#define BOX_DISK_MIN     (64ull << 10) /* the skeleton of the root */
#define BOX_PIDS_MAX     32768         /* pid_max of a small host */
#define BOX_CPU_MIN      10            /* thousandths; the kernel's least quota is 1 ms in 100 */
#define BOX_CPU_MAX      1024000       /* 1024 cores */
#define BOX_WALL_MS_MAX  (30ull * 86400000) /* thirty days */
#define BOX_VOLUMES_MAX  16                 /* mounts of one sandbox */
#define VOLUME_QUOTA_MIN (16ull << 20)      /* a file system of its own with its journal */
#define BOX_TMPFS_MAX    (512ull << 20)     /* of disk that is memory; more lies on disk */
#define BOX_LAYERS_MAX   64    /* of one image: an overlay takes 500, a recipe has some ten */
#define BOX_POLICY_MAX   16384 /* text for vault; with all else it fits one message */
#define BOX_SECRETS_MAX  16    /* file secrets of one sandbox */
#define BOX_GPUS_MAX     8     /* of one host, most often */
#define BOX_EXECS_MAX    64    /* of one sandbox that run or whose end nobody has forgotten */
#define BOX_TTY_MAX      4096  /* rows, columns */
#define BOX_CPU_MS_MAX   BOX_WALL_MS_MAX /* processor time */
#define BOX_LOG_MAX      (16ull << 20) /* stored output of one sandbox; more is counted, not kept */
#define LOGS_KEPT_BYTES  (1ull << 30)  /* of all ended sandboxes together; the oldest goes first */
#define STREAM_FRAME_MAX 65536         /* payload of one frame of the client's stream */

/* documents */
#define DOC_BYTES_MAX    (256ull << 20) /* one file that is parsed; larger is reported, not read */
#define DOC_TEXT_MAX     (64ull << 20)  /* text taken from one file; the rest is cut and said so */
#define DOC_BLOCKS_MAX   (2u << 20)     /* pieces of that text */
#define DOC_HTML_MAX     (32u << 20)    /* parsed as a tree: some 20 bytes of memory for each */
#define DOC_FREE_INFLATE (16ull << 20)  /* may always come out of a compressed file */
#define DOC_RATIO_MAX    200            /* and beyond that at most so many times its size */
#define DOC_ENTRIES_MAX  10000          /* of one archive */
#define DOC_CHILD_MS     60000          /* a helper program (pdftotext) for one file */
#define PASSAGE_TEXT_MAX 8192           /* bytes of one passage */
#define QUERY_TEXT_MAX   4096           /* bytes of a search query or question */
#define SEARCH_HITS_MAX  100            /* results of one search */
#define EMBED_TEXTS_MAX  2048           /* texts of one request: what OpenAI's own service takes */
#define EMBED_BYTES_MAX  (8u << 20)     /* of all of them */

/* the configuration file */
#define CONFIG_FILE_MAX     65536 /* many times the example file with every option and comment */
#define CONFIG_NAME_MAX     127   /* a dotted name */
#define CONFIG_DEPTH_MAX    4     /* maps in maps; the table needs 2 */
#define CONFIG_PROBLEMS_MAX 50    /* problems shown of one file; the rest is counted */
