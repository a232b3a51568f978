#include "text.h"

#include <ctype.h>
#include <string.h>

char *text_cut(const char *text, int size)
{
    size_t length;

    while (isspace((unsigned char)*text))
        text++;
    length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    return strndup(text, length < (size_t)size ? length : (size_t)size);
}

char *text_word(char *line, char **rest)
{
    char *word = strtok_r(line, " \t\r\n", rest);

    return word ? word : line + strlen(line);
}
