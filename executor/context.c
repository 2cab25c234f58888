#include "executor/context.h"

int context_check(const struct work *work, const struct step *step, const struct step_input *input,
                  struct error *error) {
    const struct plan *plan = work->plan;
    struct digest now;
    if (input->context == NULL || !input->has_content) {
        return 0;
    }
    int status = selection_digest(input->context, input->selection, &now, NULL, NULL, error);
    if (status == 0 && !digest_equal(&now, &input->content)) {
        error_set(error, ERROR_CHANGED,
                  "files of the build context changed while %.*s was copying them",
                  STR_ARG(step->text));
        status =
            error_hint(error, "something is still writing to them; build again when it is done");
    }
    return status == 0 ? 0
                       : error_at(error, plan->dockerfile->name, plan->dockerfile->source,
                                  step->instruction->span);
}
