FROM alpine
RUN [ "sh" , "-c","echo \u0041 \"x\"" ]
CMD ["a",   \
  "b", \
  # with a comment
  "c" ]
ENTRYPOINT ['not', 'json']
VOLUME ["/a","/b"]
SHELL ["/bin/ash","-e","-c"]
