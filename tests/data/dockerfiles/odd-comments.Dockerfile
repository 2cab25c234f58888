# one
#two
   # three
#

FROM alpine
RUN echo a \
# inside
  # inside, indented

 && echo b \
 # last
 && echo c
# after



# before CMD
CMD ["sh"]
# the end