/* recipe_impl.h - between the files of a recipe: recipe.c plans, recipe_steps.c knows the kinds of
 * steps, recipe_from.c what an image begins with, recipe_reach.c what a build reaches. */
#pragma once
#include "api/recipe.h"

#define VENV "/opt/venv"
#define NPM  "/opt/npm"

/* One more step; recipe_plan has seen to the room. */
struct recipe_step *recipe_add(struct recipe *r, const char *title);
/* A package, a suite, a reference, a URL: nothing that a shell or a program would read as more. */
bool recipe_is_word(const char *s);
/* One item of `steps`. */
MUST_CHECK int recipe_step_plan(struct recipe *r, const json_t *step, struct err *err);
/* The step that makes what it begins with; none for `host` and another image. */
MUST_CHECK int recipe_base_step(struct recipe *r, const json_t *j, struct err *err);
/* Mirrors and policy: the operator's, narrowed by the recipe. */
MUST_CHECK int recipe_reach(struct recipe *r, const json_t *j, const struct recipe_site *site,
                            struct err *err);
