#include "executor/context.h"

int context_check(const struct work *work, const struct step *step, const struct step_input *input,
                  uint64_t stamps, struct error *error) {
    const struct dockerfile *dockerfile = work->plan->dockerfile;
    if (input->context == NULL || !input->has_content ||
        selection_check(input->context, input->selection, &input->content, input->details, stamps,
                        error) == 0) {
        return 0;
    }
    return error_at(error, dockerfile->name, dockerfile->source, step->instruction->span);
}
