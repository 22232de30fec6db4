/* office.h - a zip of XML parts, read as a whole and walked forward. Entities that a document
 * defines are not expanded beyond libxml2's own limits, nothing outside is ever read. */
#pragma once
#include "rag/parse/doc.h"
#include <libxml/xmlreader.h>

struct package {
        struct part {
                char *name;
                struct buf text;
        } * parts;
        size_t n;
};
void package_done(struct package *p);
/* Reads the entries whose names are in the list, or begin with one of it and end in ".xml". */
MUST_CHECK int package_open(struct slice bytes, const char *const *wanted, struct package *ret,
                            struct err *err);
/* Valid until the next call; NULL: there is none. */
struct slice *package_part(const struct package *p, const char *name);
/* The <title> of a part, if there is one. */
void office_title(struct doc *d, const struct package *p, const char *part);

xmlTextReader *xml_of(struct slice s);  /* NULL: empty, or no memory; xmlFreeTextReader */
const char *xml_name(xmlTextReader *x); /* without its namespace; never NULL */
/* The attribute of that local name; false and "" without one. */
bool xml_attribute(xmlTextReader *x, const char *local, char *dst, size_t size);
