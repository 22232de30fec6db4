/* text.h - what a single line of text is. All look at the line alone and copy nothing. */
#pragma once
#include "rag/parse/doc.h"
#include "base/mem.h"

struct slice line_trim(struct slice s);
/* "## Text ##": the level, and *s becomes "Text"; else 0. */
uint32_t line_atx(struct slice *s);
/* A run of three or more of the same mark: ====, ----, ~~~~, ****, ^^^^. */
bool line_rule(struct slice s);
/* The rule is about as long as the text above it. */
bool line_underlines(struct slice rule, struct slice text);
/* "4.2 Title", "Chapter 3. Title", "Appendix A. Title": the level by the count of numbers. */
uint32_t line_numbered(struct slice s);
/* "4.2" and nothing else: the title of LaTeX follows in a line of its own. */
bool line_number_alone(struct slice s);
/* "DESCRIPTION": a heading as in manual pages. */
bool line_capitals(struct slice s);
/* "* item", "- item", "• item", "3. item", "(a) item". */
bool line_bullet(struct slice s);
/* "* 4.2. Title" of a table of contents that has no page numbers. */
bool line_contents(struct slice s);
/* ". . . . ." of a table of contents. */
bool line_leaders(struct slice s);
/* "(continues on next page)" of Sphinx. */
bool line_continued(struct slice s);
/* ".. _name:", the target of a link in reStructuredText. */
bool line_target(struct slice s);
