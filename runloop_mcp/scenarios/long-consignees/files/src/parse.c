#include "tally.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The next field, with blanks or quotes taken away; moves on to the one after it. */
static char *field(char **rest)
{
    char *begin = *rest, *end;

    while (*begin == ' ')
        begin++;
    if (*begin == '"') {
        char *to = ++begin;
        for (end = begin; *end && (*end != '"' || end[1] == '"'); end++) {
            if (*end == '"')
                end++;
            *to++ = *end;
        }
        *to = 0;
        *rest = end + 2;
        return begin;
    }
    end = strchr(begin, ';');
    if (end) {
        *rest = end + 1;
        *end = 0;
    } else {
        end = begin + strlen(begin);
        *rest = end;
    }
    while (end[-1] == ' ')
        *--end = 0;
    return begin;
}

int parse_line(char *line, struct entry *entry)
{
    char *rest = line, *number = field(&rest), *consignee = field(&rest), *weight = field(&rest);
    size_t i;

    if (strlen(number) > 12 || !*consignee)
        return 1;
    for (i = 0; i < strlen(number); i++)
        if (!isalnum(number[i]))
            return 1;
    strcpy(entry->number, number);
    strncpy(entry->consignee, consignee, sizeof entry->consignee);
    entry->weight = atoi(weight);
    return entry->weight <= 0;
}
